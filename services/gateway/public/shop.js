const $ = (id) => document.getElementById(id);
const money = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' });
const euros = (cents) => money.format(cents / 100);
const clock = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

const basket = new Map(); // product id → the product and its quantity
let attemptKey = null; // Idempotency-Key of the order being tried
let placing = false;
let listing = null; // AbortController of the newest product request
let goodsFresh = false;
let ordersFresh = false;
let tracesUrl = null; // where traces are shown, if anywhere

async function api(path, options) {
  const response = await fetch(`/api/${path}`, options).catch(() => {
    throw new Error('The stand did not answer.');
  });
  const body = await response.json().catch(() => null);
  if (response.ok && body) return { ...body, traceId: response.headers.get('x-trace-id') };
  const refused = response.status >= 400 && response.status < 500;
  const { detail = 'The stand could not answer.', requestId, trace_id: traceId } = body ?? {};
  throw Object.assign(new Error(detail), { refused, requestId, traceId });
}

/** A random UUID, also where crypto.randomUUID is missing: it exists only in secure contexts. */
function uuid() {
  const digit = (d) => (d ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (d / 4)))).toString(16);
  return crypto.randomUUID?.() ?? '10000000-1000-4000-8000-100000000000'.replace(/[018]/g, digit);
}

/** Shows items by the template after the list. Nodes already there stay in place, and so does the focus. */
function show(list, items, fill) {
  const known = new Map(Array.from(list.children, (node) => [node.dataset.id, node]));
  const nodes = items.map((item) => {
    const template = list.nextElementSibling.content.firstElementChild;
    const node = known.get(String(item.id)) ?? template.cloneNode(true);
    node.dataset.id = item.id;
    fill(node, item);
    return node;
  });
  for (const node of known.values()) if (!nodes.includes(node)) node.remove();
  nodes.forEach((node, i) => {
    if (list.children[i] !== node) list.insertBefore(node, list.children[i] ?? null);
  });
}

function put(node, texts) {
  for (const [name, text] of Object.entries(texts)) node.querySelector(`.${name}`).textContent = text;
}

// ---- Goods

async function loadGoods() {
  listing?.abort();
  listing = new AbortController();
  const { signal } = listing;
  const search = $('search').value.trim();
  goodsFresh = true;
  try {
    const { products } = await api(`catalog/products?${new URLSearchParams({ search })}`, { signal });
    if (!signal.aborted) showGoods(products, search);
  } catch (problem) {
    if (signal.aborted) return;
    goodsFresh = false;
    $('goods-note').textContent = sentences(problem.message, 'Trying again every few seconds.');
  }
}

const sentences = (first, second) => `${first.replace(/\.$/, '')}. ${second}`;

function showGoods(products, search) {
  show($('products'), products, fillProduct);
  const nothing = search ? `Nothing matches “${search}”.` : 'The stand is empty today.';
  $('goods-note').textContent = products.length ? '' : nothing;
  for (const product of products) {
    if (basket.has(product.id)) Object.assign(basket.get(product.id), product);
  }
  showBasket();
}

function fillProduct(node, product) {
  const { name, description, priceCents, stock } = product;
  put(node, { name, price: euros(priceCents), about: description, stock: stockText(stock) });
  node.classList.toggle('sold-out', stock < 1);
  node.querySelector('.stock').toggleAttribute('data-low', stock > 0 && stock <= 3);
  const button = node.querySelector('.add');
  button.disabled = stock < 1;
  button.setAttribute('aria-label', `Add ${name} to the basket`);
  button.onclick = () => add(product);
  const art = node.querySelector('.art');
  if (!art.firstChild) draw(art, product.id);
}

function stockText(stock) {
  if (stock < 1) return 'Sold out';
  return stock <= 3 ? `${stock} left` : `${stock} in stock`;
}

const SHAPES = [
  'M0 0H4A4 4 0 0 1 0 4Z', // quarter disc
  'M0 0A4 4 0 0 0 4 4A4 4 0 0 0 0 0Z', // leaf
  'M2 0A2 2 0 0 1 2 4A2 2 0 0 1 2 0Z', // disc
];

/** Gives each product a mark of its own: a hue and four shapes that follow from its id. */
function draw(art, id) {
  let seed = id;
  const pick = (count) => {
    seed = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d);
    return (seed >>> 16) % count;
  };
  art.style.setProperty('--hue', id * 137.5); // the golden angle keeps neighbours apart
  const deep = [pick(4), pick(4)];
  ['4 1.5', '8 1.5', '4 5.5', '8 5.5'].forEach((at, i) => {
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('d', SHAPES[pick(SHAPES.length)]);
    path.setAttribute('transform', `translate(${at}) rotate(${pick(4) * 90} 2 2)`);
    path.setAttribute('class', deep.includes(i) ? 'deep' : 'mid');
    art.append(path);
  });
}

// ---- Basket

const limit = ({ stock }) => Math.min(stock, 99);
const sum = (items, value) => items.reduce((total, item) => total + value(item), 0);

function add(product) {
  const quantity = (basket.get(product.id)?.quantity ?? 0) + 1;
  if (quantity <= limit(product)) setQuantity(product, quantity);
  else say(`No more than ${limit(product)} of ${product.name}.`, 'error');
}

function setQuantity(product, quantity) {
  attemptKey = null; // another basket is another order
  if (quantity > 0) basket.set(product.id, { ...product, quantity });
  else if (basket.delete(product.id)) $('basket-title').focus();
  say(`${product.name}, ${quantity} in the basket.`, 'unseen');
  showBasket();
}

function showBasket() {
  const lines = [...basket.values()];
  const count = sum(lines, ({ quantity }) => quantity);
  const total = euros(sum(lines, ({ priceCents, quantity }) => priceCents * quantity));
  show($('lines'), lines, fillLine);
  $('basket-empty').hidden = count > 0;
  $('checkout').hidden = $('bar').hidden = count === 0;
  $('total').textContent = $('bar-total').textContent = total;
  $('bar-count').textContent = `Basket (${count})`;
  if (!placing) $('place').textContent = attemptKey ? 'Try again' : 'Place order';
}

function fillLine(node, line) {
  const { name, priceCents, quantity } = line;
  put(node, { name, price: euros(priceCents * quantity), count: quantity });
  const step = (kind, change, label) => {
    const button = node.querySelector(kind);
    button.setAttribute('aria-label', `${label} ${name}`);
    button.onclick = () => setQuantity(line, quantity + change);
  };
  step('.less', -1, 'One less:');
  step('.more', 1, 'One more:');
  node.querySelector('.more').disabled = quantity >= limit(line);
}

function say(text, kind = '') {
  $('message').textContent = text;
  $('message').dataset.kind = kind;
}

/** Below a message, where there are traces and it is about one. */
function linkTrace(traceId) {
  if (!tracesUrl || !traceId) return;
  const href = `${tracesUrl}/trace/${traceId}`;
  const link = Object.assign(document.createElement('a'), { href, target: '_blank', textContent: 'See its trace.' });
  link.dataset.testid = 'trace';
  $('message').append(' ', link);
}

async function placeOrder() {
  if (placing) return;
  setPlacing(true);
  say('');
  $('place').textContent = 'Placing the order…';
  attemptKey ??= uuid();
  await sendOrder().then(orderPlaced, orderFailed);
  setPlacing(false);
  showBasket();
  loadGoods();
  loadOrders();
}

/** The basket must not change while it is on its way. */
function setPlacing(on) {
  placing = $('products').inert = $('lines').inert = on;
}

function sendOrder() {
  const items = Array.from(basket, ([productId, { quantity }]) => ({ productId, quantity }));
  return api('orders', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': attemptKey },
    body: JSON.stringify({ items }),
    signal: AbortSignal.timeout(20000),
  });
}

function orderPlaced({ totalCents, traceId }) {
  attemptKey = null;
  basket.clear();
  say(`Thank you. Your order for ${euros(totalCents)} is confirmed.`);
  linkTrace(traceId);
  $('basket-title').focus({ preventScroll: true });
}

/** A refusal ends the attempt. After silence or a 5xx the order may have been made: the next try keeps the key. */
function orderFailed({ message, refused, requestId, traceId }) {
  if (refused) attemptKey = null;
  say(refused ? message : sentences(message, 'Trying again will not order twice.'), 'error');
  if (refused) return;
  if (requestId) $('message').append(` Request ${requestId.slice(0, 8)}.`);
  linkTrace(traceId);
}

// ---- Recent orders

async function loadOrders() {
  ordersFresh = true;
  try {
    const { orders } = await api('orders?limit=10');
    showOrders(orders);
  } catch {
    ordersFresh = false;
    $('orders-note').textContent = 'Recent orders cannot be shown at the moment.';
  }
}

function showOrders(orders) {
  const first = !$('orders').firstChild;
  show($('orders'), orders, (node, order) => {
    node.classList.toggle('new', !first && !node.isConnected);
    fillOrder(node, order);
  });
  $('orders-note').textContent = orders.length ? '' : 'No orders yet.';
}

function fillOrder(node, { createdAt, items, totalCents }) {
  const names = items.map(({ name, quantity }) => `${quantity} × ${name}`).join(', ');
  put(node, { time: clock.format(new Date(createdAt)), items: names, price: euros(totalCents) });
  node.querySelector('time').dateTime = createdAt;
}

// ---- Services

const NOTICES = {
  off: 'Ordering is switched off.',
  down: 'Ordering does not answer at the moment. Trying again every few seconds.',
};

async function checkServices() {
  try {
    const { services, tracesUrl: url } = await api('status', { signal: AbortSignal.timeout(10000) });
    tracesUrl = url;
    showServices({ gateway: { state: 'up' }, ...services }, services.orders.state);
  } catch {
    showServices({ gateway: { state: 'down' } }, 'down');
  }
}

function showServices(services, ordering) {
  show(
    $('services'),
    Object.entries(services).map(([id, service]) => ({ id, ...service })),
    fillService,
  );
  document.body.dataset.ordering = ordering;
  const notice = NOTICES[ordering] ?? '';
  if ($('notice').textContent !== notice) $('notice').textContent = notice; // each write is read out
  refreshStale((services.catalog ?? services.gateway).state, ordering);
}

function fillService(node, { id, state, reason }) {
  Object.assign(node.dataset, { service: id, state });
  put(node, { name: id, state: reason ?? state });
}

/** Loads again what failed, or what may have changed while its service was away. */
function refreshStale(catalog, ordering) {
  if (catalog !== 'up') goodsFresh = false;
  else if (!goodsFresh) loadGoods();
  if (ordering !== 'up') ordersFresh = false;
  else if (!ordersFresh) loadOrders();
}

let pollTimer;

async function poll() {
  await checkServices();
  clearTimeout(pollTimer);
  if (!document.hidden) pollTimer = setTimeout(poll, 5000);
}

// ---- Start

let searchTimer;
$('search').addEventListener('input', () => {
  clearTimeout(searchTimer);
  searchTimer = setTimeout(loadGoods, 200);
});
$('place').addEventListener('click', placeOrder);
document.addEventListener('visibilitychange', () => {
  clearTimeout(pollTimer);
  if (!document.hidden) poll();
});

loadGoods();
poll();
