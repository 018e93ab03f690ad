-- Up Migration
-- The order of names and what is the same letter must not depend on the locale of the database.
alter table catalog.products
  alter name type text collate "und-x-icu",
  alter description type text collate "und-x-icu";

-- Down Migration
alter table catalog.products
  alter name type text collate "default",
  alter description type text collate "default";
