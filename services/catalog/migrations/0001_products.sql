-- Up Migration
create table catalog.products (
  id integer generated always as identity primary key,
  sku text not null unique,
  name text not null,
  description text not null default '',
  price_cents integer not null check (price_cents >= 0),
  stock integer not null check (stock >= 0)
);

-- Down Migration
drop table catalog.products;
