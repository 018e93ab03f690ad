-- Up Migration
create table orders.orders (
  id uuid primary key default gen_random_uuid(),
  idempotency_key text not null unique,
  status text not null default 'pending' check (status in ('pending', 'confirmed', 'rejected')),
  requested jsonb not null,
  items jsonb,
  total_cents bigint,
  rejection jsonb,
  created_at timestamptz not null default now(),
  check (status <> 'confirmed' or (items is not null and total_cents is not null)),
  check (status <> 'rejected' or rejection is not null)
);
create index orders_newest on orders.orders (created_at desc) where status = 'confirmed';

-- Down Migration
drop table orders.orders;
