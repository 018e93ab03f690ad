-- Local data to look at. Safe to run again: what is there stays as it is.
insert into catalog.products (sku, name, description, price_cents, stock) values
  ('mug-enamel', 'Enamel mug', 'Survives the dishwasher, the desk and the deploy.', 1450, 24),
  ('duck-rubber', 'Rubber duck', 'Listens to every bug report without interrupting.', 690, 120),
  ('notebook-dot', 'Dotted notebook', '160 pages for diagrams that will be out of date by Friday.', 1290, 40),
  ('cap-keycap', 'Escape keycap', 'Walnut, for the key that matters most.', 1890, 3),
  ('socks-yaml', 'Indented socks', 'Two spaces, never tabs. One size.', 990, 58),
  ('lamp-desk', 'Desk lamp', 'Warm light for cold starts.', 5400, 9),
  ('sticker-pack', 'Sticker pack', 'Twelve stickers for the lid that has room for one.', 450, 300),
  ('plant-cactus', 'Pager cactus', 'Needs attention twice a year, like a good service.', 1750, 1)
on conflict (sku) do nothing;
