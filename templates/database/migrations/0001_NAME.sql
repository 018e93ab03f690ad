-- Up Migration
create table "NAME".items (
  id integer generated always as identity primary key,
  name text not null unique
);

-- Down Migration
drop table "NAME".items;
