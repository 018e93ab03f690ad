import { type Request, type Response, Router } from 'express';
import * as v from 'valibot';
import type { Callee } from './client.ts';
import { Problem, parse } from './problem.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Method and path as Express has them, such as `GET /orders/:id`. */
export type Operation = `${Method} /${string}`;

/** What a route takes and answers. */
export interface Contract {
  /** What it does, in a few words. */
  summary: string;
  params?: v.GenericSchema;
  query?: v.GenericSchema;
  headers?: v.GenericSchema;
  body?: v.GenericSchema;
  /**
   * By status, the schema of the JSON that is sent, or when it is sent in words: from 400 on that is a problem
   * (RFC 9457), below it has no body.
   */
  answers: Record<number, v.GenericSchema | string>;
}

type Output<Schema> = Schema extends v.GenericSchema ? v.InferOutput<Schema> : undefined;

type Handler<C extends Contract> = (given: {
  params: Output<C['params']>;
  query: Output<C['query']>;
  headers: Output<C['headers']>;
  body: Output<C['body']>;
  req: Request;
  res: Response;
}) => Promise<Success<C['answers']>> | Success<C['answers']>;

// biome-ignore lint/suspicious/noConfusingVoidType: what a handler without a return has
export type Body<Answer> = Answer extends v.GenericSchema ? v.InferInput<Answer> : void;

/** The bodies of the answers that are no problems. */
type Success<Answers> = {
  [Status in keyof Answers]: `${Status & number}` extends `${2 | 3}${string}` ? Body<Answers[Status]> : never;
}[keyof Answers];

export interface Route<Name extends Operation = Operation, C extends Contract = Contract> {
  operation: Name;
  contract: C;
  /** Answers a request that may be anything. @throws {Problem} 400 when it is not as the contract has it */
  handle(req: Request, res: Response): Promise<void>;
}

/** A route whose requests another service answers, by the contract that it has there. */
export interface Forwarded {
  operation: Operation;
  /** Without a service, where that is switched off. */
  origin: { service: Callee | undefined; operation: Operation };
  handle: Route['handle'];
}

export type AnyRoute = Route | Forwarded;

/** OpenAPI's info object. */
export interface Info {
  title: string;
  /** That of the API, as semantic versioning has it: a new major one announces a break. */
  version: string;
}

/** The contracts by their operations, as a caller's client wants them: `ServiceClient<Api>`. */
export type ApiOf<Routes extends (...given: never[]) => Route[]> = {
  [R in ReturnType<Routes>[number] as R['operation']]: R['contract'];
};

/**
 * A route that takes and answers what its contract says. What the handler returns is the body of the lowest status
 * below 400, unless it sets another one, or answers by `res` itself.
 */
export function route<const Name extends Operation, const C extends Contract>(
  operation: Name,
  contract: C,
  handler: Handler<C>,
): Route<Name, C> {
  check(operation, contract);
  const [status = 500] = Object.keys(contract.answers).map(Number);
  const read = <Schema extends v.GenericSchema | undefined>(schema: Schema, input: () => unknown): Output<Schema> =>
    (schema && parse(schema, input())) as Output<Schema>;
  return {
    operation,
    contract,
    async handle(req, res) {
      res.status(status);
      const given = {
        params: read(contract.params as C['params'], () => req.params),
        query: read(contract.query as C['query'], () => req.query),
        headers: read(contract.headers as C['headers'], () => req.headers),
        // Asked for only where there is to be one: what is no JSON is refused by this.
        body: read(contract.body as C['body'], () => req.body),
      };
      const body = await keep(operation, contract, res, async () => handler({ ...given, req, res }));
      if (res.headersSent) return;
      if (body === undefined) res.end();
      else res.json(body);
    },
  };
}

/** @throws when requests can't be told apart, or described, by such a contract */
function check(operation: Operation, { params, query, headers, answers }: Contract): void {
  const refuse = (words: string): never => {
    throw new Error(`${operation}: ${words}`);
  };
  const [, path] = split(operation);
  if (!/^(\/[\w.~:-]*)+$/.test(path))
    refuse('a path has segments and :parameters; write a route for each that there is');
  for (const schema of [params, query, headers])
    if (schema && !('entries' in schema)) refuse('params, query and headers are each a v.object');
  const entries = (params as { entries?: object } | undefined)?.entries ?? {};
  for (const [, name = ''] of path.matchAll(/:(\w+)/g)) if (!(name in entries)) refuse(`params has no ${name}`);
  if (!Object.keys(answers).some((status) => Number(status) < 400)) refuse('there is no answer below 400');
}

/**
 * Has an answer keep to its contract where people develop and test; in production nobody waits for that.
 * @throws {Problem} 500 that names the field or status
 */
async function keep<T>(
  operation: Operation,
  { answers }: Contract,
  res: Response,
  answer: () => Promise<T>,
): Promise<T> {
  if (process.env.NODE_ENV === 'production') return answer();
  const breach = (words: string) => new Problem(500, `${operation} does not keep its contract: ${words}`);
  const body = await answer().catch((error) => {
    const isOwn = error instanceof Problem && error.status < 500 && error.status !== 400;
    throw isOwn && !(error.status in answers) ? breach(`no answer ${error.status}`) : error;
  });
  // A stream, say, that the handler has begun.
  if (res.headersSent) return body;
  const promised = answers[res.statusCode];
  if (promised === undefined) throw breach(`no answer ${res.statusCode}`);
  if (typeof promised === 'string' && res.statusCode >= 400) throw breach(`${res.statusCode} is thrown as a Problem`);
  try {
    parse(typeof promised === 'string' ? v.undefined() : promised, asSent(body));
  } catch (fault) {
    throw breach((fault as Error).message);
  }
  return body;
}

/** A body as JSON carries it: a date is a string there. */
const asSent = (body: unknown): unknown => body && JSON.parse(JSON.stringify(body));

/** The routes of a service, what is known of them as OpenAPI at `/openapi.json`, and by `API_DOCS` as a page at `/docs`. */
export function api(info: Info, routes: AnyRoute[]): Router {
  const router = Router();
  const operations = routes.map(({ operation }) => operation);
  const twice = operations.find((operation, at) => operations.indexOf(operation) < at);
  if (twice) throw new Error(`There are two routes ${twice}`);
  // First, or a route such as /:id would take them.
  router.get('/openapi.json', async (req, res) => {
    // Nobody waits for it at the start.
    const { describe } = await import('./openapi.ts');
    res.json(await describe(info, routes, req.id));
  });
  // Another value is loadConfig's to report.
  if (process.env.API_DOCS === '1')
    router.get('/docs{/:file}', async (req, res, next) => {
      const { sendDocs } = await import('./docs.ts');
      if (!sendDocs(info, req.params.file, res)) next();
    });
  for (const { operation, handle } of routes) {
    const [method, path] = split(operation);
    router[method](path, handle);
  }
  return router;
}

/** `GET /orders/:id` as `['get', '/orders/:id']` */
export function split(operation: Operation): [method: Lowercase<Method>, path: string] {
  const [method = '', path = ''] = operation.split(' ');
  return [method.toLowerCase() as Lowercase<Method>, path];
}
