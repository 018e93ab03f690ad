-- Local data to look at. Safe to run again: what is there stays as it is.
insert into "NAME".items (name) values ('first'), ('second')
on conflict (name) do nothing;
