/** Answers in the place of a service that does not run, in development. */
const { randomUUID } = require('node:crypto');

/** The problem's type (RFC 9457), by which callers tell it from what a service says itself. */
const TYPE = 'urn:problem:does-not-run';

/**
 * What answers requests for the service `name`. `reason` is a few words, such as "does not start, src/app.ts:12",
 * `error` all that the service has said of it, `sources` the hash of the sources that it is about, and `faults` what make
 * fault has set. With `hasServed`, Kubernetes goes on taking it for ready, as it does by the local values anyway: each
 * refusal would be one more event after the error.
 */
exports.substituteFor = (name, { reason, error, sources, faults, hasServed }) => {
  const state = { status: 'down', reason, error, sources, faults };
  const detail = `${name} ${reason}`;
  const problem = { type: TYPE, title: 'Service Unavailable', status: 503, detail, reason };
  return (req, res) => {
    const send = (status, type, body) => {
      const requestId = req.headers['x-request-id'] ?? randomUUID();
      const headers = { 'x-request-id': requestId, 'cache-control': 'no-store', connection: 'close' };
      res.writeHead(status, { ...headers, 'content-type': `${type}; charset=utf-8` }).end(body(requestId));
    };
    const [path] = req.url.split('?', 1);
    // No restart would help, so Kubernetes must not try.
    if (path === '/livez') send(200, 'application/json', () => JSON.stringify(state));
    else if (path === '/readyz')
      send(hasServed && isProbe(req) ? 200 : 503, 'application/json', () => JSON.stringify(state));
    else if (req.headers.accept?.includes('text/html')) send(503, 'text/plain', () => `${detail}\n\n${error}\n`);
    else send(503, 'application/problem+json', (requestId) => JSON.stringify({ ...problem, requestId }));
  };
};

const isProbe = ({ headers }) => headers['user-agent']?.startsWith('kube-probe/');
