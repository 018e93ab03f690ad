/**
 * Keeps a service's port in development, so that no save fails a request: connections wait until the service, which
 * listens at another port, has started anew.
 */
const { once } = require('node:events');
const { connect, createServer } = require('node:net');

/** How far the service's own port is from the one that others know, where that is free. */
const DISTANCE = 10_000;
const POLL_MS = 10;
/** How long a connection waits for a service that neither listens nor ends. */
const PATIENCE_MS = 20_000;
/** What is kept of a request, in bytes, to send it again. */
const MAX_KEPT = 128 * 1024;

/** What may be sent again (RFC 9110, 9.2.2), or says by its key that it may. */
const REPEATABLE = /^(GET|HEAD|PUT|DELETE|OPTIONS) |^idempotency-key:/im;

/**
 * Listens at `port` and leads each connection to the service, whenever that listens; `onService` is called each time.
 * @returns the port that the service is to listen at @throws when `port` is taken
 */
exports.openDoor = async (port, onService) => {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (client) => {
    client.on('error', () => {});
    admit(client);
  });
  await listening(server, port);
  const inside = await findFree((port + DISTANCE) % 2 ** 16);
  return inside;

  function admit(client, end = Date.now() + PATIENCE_MS) {
    if (client.destroyed) return;
    if (Date.now() > end) return void client.destroy();
    const again = (until) => setTimeout(admit, POLL_MS, client, until);
    const wait = () => again(end);
    const service = connect({ port: inside, host: '127.0.0.1', allowHalfOpen: true });
    service.once('error', wait).once('connect', () => {
      service.off('error', wait).on('error', () => {});
      onService();
      join(client, service, (hasAnswered) => again(hasAnswered ? undefined : end));
    });
  }
};

/** Hands on what either says. `again` is called when the service leaves somebody unanswered who may be led in again. */
function join(client, service, again) {
  let hasAnswered = false;
  /** What the service has got since it last said something. */
  let request = [];
  let length = 0;
  const keep = (chunk) => {
    length += chunk.length;
    if (length <= MAX_KEPT) request.push(chunk);
  };
  const leave = () => service.destroy();
  client.on('data', keep).once('close', leave).pipe(service);
  service.pipe(client, { end: false });
  service.on('data', () => {
    hasAnswered = true;
    request = [];
    length = 0;
  });
  service.once('end', () => service.end());
  service.once('close', (failed) => {
    client.unpipe(service).off('data', keep).off('close', leave);
    const isNew = length === 0 && !hasAnswered;
    if (!client.readableEnded && length <= MAX_KEPT && (isNew || isRepeatable(request))) {
      client.pause().unshift(Buffer.concat(request));
      again(hasAnswered);
    } else if (failed) client.destroy();
    else client.end();
  });
}

/** Whether a request that got no answer may be sent again. */
function isRepeatable(chunks) {
  const [head] = Buffer.concat(chunks).toString('latin1').split('\r\n\r\n', 1);
  return REPEATABLE.test(head);
}

async function listening(server, port, host) {
  server.listen(port, host);
  await once(server, 'listening');
}

/** `wanted`, or another port. */
async function findFree(wanted) {
  const server = createServer();
  await listening(server, wanted, '127.0.0.1').catch(() => listening(server, 0, '127.0.0.1'));
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
