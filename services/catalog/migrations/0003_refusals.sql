-- Up Migration
alter table catalog.reservations add refusal jsonb;

-- Down Migration
delete from catalog.reservations where refusal is not null;
alter table catalog.reservations drop refusal;
