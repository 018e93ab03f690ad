-- Up Migration
create table catalog.reservations (
  order_id uuid primary key,
  items jsonb not null,
  created_at timestamptz not null default now()
);

-- Down Migration
drop table catalog.reservations;
