-- Up Migration
alter table orders.orders
  -- While it is pending: who works on it has until then, and loses it to the next.
  add leased_until timestamptz not null default now() + interval '10 seconds',
  -- Not all orders come with one, and one that is given up lets go of it.
  alter idempotency_key drop not null;
create index orders_pending on orders.orders (leased_until) where status = 'pending';

-- Down Migration
drop index orders.orders_pending;
delete from orders.orders where idempotency_key is null and status <> 'confirmed';
update orders.orders set idempotency_key = gen_random_uuid() where idempotency_key is null;
alter table orders.orders
  alter idempotency_key set not null,
  drop leased_until;
