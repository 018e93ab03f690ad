import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { ErrorRequestHandler, RequestHandler } from 'express';
import * as v from 'valibot';
import { toError } from './fault.ts';
import { outageOf } from './outage.ts';
import { summaryOf } from './requests.ts';

/** An error that the caller may see, sent as problem details (RFC 9457). */
export class Problem extends Error {
  readonly status: number;
  readonly detail: string;
  readonly extensions: Record<string, unknown>;

  /** The `cause` is for the log alone. */
  constructor(status: number, detail: string, extensions: Record<string, unknown> = {}, cause?: unknown) {
    super(detail, { cause });
    this.status = status;
    this.detail = detail;
    this.extensions = extensions;
  }
}

/** A problem is never larger than this, in bytes, whatever the request was like. */
const MAX_BYTES = 16 * 1024;
/** In UTF-16 code units. Each takes up to six bytes in JSON, so a detail fits with what stands around it. */
const MAX_DETAIL = 2500;
const MAX_QUOTE = 120;
const MAX_FAULTS = 10;

/**
 * Checks what a client sent.
 * @throws {Problem} 400 with the first faults by their paths, and how many more there are
 */
export function parse<Schema extends v.GenericSchema>(schema: Schema, input: unknown): v.InferOutput<Schema> {
  const result = v.safeParse(schema, input);
  if (result.success) return result.output;
  const errors = result.issues.slice(0, MAX_FAULTS).map((issue) => ({
    path: cut(v.getDotPath(issue) ?? '', MAX_QUOTE),
    message: cut(issue.message, MAX_QUOTE),
  }));
  const faults = errors.map(({ path, message }) => `${path || 'body'}: ${message}`);
  const more = result.issues.length - errors.length;
  throw new Problem(400, [...faults, ...(more > 0 ? [`and ${more} more`] : [])].join('; '), { errors });
}

/** Paths and messages quote the client, at any length. */
function cut(text: string, length: number): string {
  return (text.length > length ? `${text.slice(0, length - 1)}…` : text).toWellFormed();
}

/** The last but one middleware: 404, or 405 where other methods have a route; OPTIONS says which. */
export const notFound: RequestHandler = (req, res, next) => {
  // A HEAD is answered as its GET would be, to the length (RFC 9110, 8.6).
  const what = `There is no ${req.method === 'HEAD' ? 'GET' : req.method} ${req.path}`;
  const methods = new Set(methodsAt(req.app.router.stack as unknown as Layer[], req.path));
  // A route for this very method may have said next().
  if (methods.size === 0 || methods.has(req.method)) throw new Problem(404, what);
  // Express answers it with Allow when nobody else does.
  if (req.method === 'OPTIONS') return next('router');
  res.set('allow', [...methods].join(', '));
  throw new Problem(405, `${what}, but ${[...methods].join(', ')}`);
};

/** What Express keeps of a route, or of a router and where it is mounted. */
interface Layer {
  route?: { methods: Record<string, boolean> };
  handle: { stack?: Layer[] };
  match(path: string): { path: string } | false;
}

/** The methods of all routes with this path. Express looks for path and method at once, and knows only of no route. */
function methodsAt(stack: Layer[], path: string): string[] {
  return stack.flatMap((layer) => {
    const match = layer.match(path);
    if (!match) return [];
    if (!layer.route) return methodsAt(layer.handle.stack ?? [], path.slice(match.path.length) || '/');
    // Express notes route.all() as _all.
    const methods = Object.keys(layer.route.methods).flatMap((name) => (name === '_all' ? [] : name.toUpperCase()));
    return methods.includes('GET') ? [...methods, 'HEAD'] : methods;
  });
}

/**
 * The last middleware: whatever went wrong leaves as problem details, and only our own words reach the caller. The
 * request's log line has the error itself when it is ours; one that comes after that line has a line of its own.
 */
export const problemHandler: ErrorRequestHandler = (error, req, res, _next) => {
  const problem = toProblem(error);
  if (res.writableEnded || res.closed) {
    // A caller who has left misses no answer, but we would miss a bug. The request's line may have it already.
    const isKnown = error === res.errored || error.code === 'ERR_STREAM_PREMATURE_CLOSE';
    const isBug = problem.status === 500 && !isKnown;
    if (isBug || (res.writableEnded && problem.status > 500))
      req.log.error({ req: summaryOf(req), err: toError(error) }, 'failed after the answer');
    return;
  }
  if (problem.status >= 500 || res.headersSent) res.err = toError(error);
  else res.reason = problem.detail;
  if (res.headersSent) res.destroy();
  else sendProblem(res, problem);
};

/** Answers with a problem, under the ids that the request has got. */
export function sendProblem(res: ServerResponse, problem: Problem): void {
  const { status, headers, body } = render(problem, res.getHeader('x-request-id'), res.getHeader('x-trace-id'));
  res.writeHead(status, headers).end(body);
}

/** Status, headers and body of an answer. */
export function render({ status, detail, extensions }: Problem, requestId: unknown, traceId?: unknown) {
  const ids = { requestId, trace_id: traceId };
  const core = { type: 'about:blank', title: STATUS_CODES[status], status, detail: cut(detail, MAX_DETAIL), ...ids };
  const whole = JSON.stringify({ ...core, ...extensions });
  const body = Buffer.byteLength(whole) > MAX_BYTES ? JSON.stringify(core) : whole;
  const headers = {
    'content-type': 'application/problem+json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    ...(status === 503 && { 'retry-after': '1' }),
  };
  return { status, headers, body };
}

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { status = 500, expose, type } = error as { status?: number; expose?: boolean; type?: string };
  if (type === 'entity.parse.failed') return new Problem(400, 'The body is not valid JSON');
  if (type === 'entity.too.large') return new Problem(413, 'The body is larger than 100 kB');
  if (status === 400) return new Problem(400, 'The request is malformed');
  if (status >= 400 && status < 500)
    return new Problem(status, expose ? (error as Error).message : `${STATUS_CODES[status]}`);
  const outage = outageOf(error);
  if (outage) return new Problem(503, `The database is ${outage} at the moment`);
  return new Problem(500, 'Something went wrong on our side');
}
