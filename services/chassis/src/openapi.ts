/** What OpenAPI 3.1 says of a service's routes: https://spec.openapis.org/oas/v3.1.1 */
import { STATUS_CODES } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { type JsonSchema, toJsonSchema } from '@valibot/to-json-schema';
import type { GenericSchema } from 'valibot';
import { type AnyRoute, type Contract, type Forwarded, type Info, type Operation, split } from './api.ts';
import type { Callee } from './client.ts';
import { Problem } from './problem.ts';

type Fields = Record<string, unknown>;

export interface Document {
  openapi: string;
  info: Fields;
  servers: Fields[];
  paths: Record<string, Record<string, Fields>>;
  components: Record<string, Fields>;
}

type Origin = Pick<Document, 'paths' | 'components'>;
type Origins = Map<Callee, Origin>;

/** What each request may meet before it reaches its route, or on the way out, by status. */
const COMMON = {
  400: 'The request is malformed, or not as it is described here',
  413: 'The body is larger than 100 kB',
  415: 'The body is not JSON',
  500: 'Something went wrong on our side',
  503: 'The service, or one that it needs, is not reachable at the moment',
  504: 'A service that this one needs did not answer in time',
};
const OF_BODIES = ['413', '415'];

const PROBLEM: JsonSchema = {
  type: 'object',
  description: 'Problem details: https://www.rfc-editor.org/rfc/rfc9457',
  properties: {
    type: { type: 'string', format: 'uri-reference', default: 'about:blank' },
    title: { type: 'string', description: 'What the status means' },
    status: { type: 'integer', minimum: 400, maximum: 599 },
    detail: { type: 'string', description: 'What is wrong, in words for people' },
    requestId: { type: 'string', description: 'Also in the header x-request-id' },
    trace_id: { type: 'string', description: 'Where there are traces' },
    errors: {
      type: 'array',
      description: 'What is wrong with which field',
      items: {
        type: 'object',
        properties: { path: { type: 'string' }, message: { type: 'string' } },
        required: ['path', 'message'],
      },
    },
  },
  required: ['type', 'title', 'status', 'detail', 'requestId'],
};
const REQUEST_ID = { description: "The request's id, for logs and reports", schema: { type: 'string' } };

/**
 * The document of these routes. What others answer is as their documents have it.
 * @param requestId travels along to those
 * @throws {Problem} 503 when one of them has no such document or operation
 */
export async function describe(info: Info, routes: AnyRoute[], requestId: unknown): Promise<Document> {
  const document: Document = {
    openapi: '3.1.1',
    info: { ...info },
    servers: [{ url: '/' }],
    paths: {},
    components: commonComponents(),
  };
  const convert = converter(info.title, document.components.schemas ?? {});
  const origins = await readOrigins(routes, requestId);
  for (const { components } of origins.values())
    for (const [kind, named] of Object.entries(components))
      document.components[kind] = { ...named, ...document.components[kind] };
  for (const route of routes) {
    const { method, path } = place(route.operation);
    const described = 'contract' in route ? describeContract(info, route.contract, convert) : find(origins, route);
    if (!described) continue;
    document.paths[path] = {
      ...document.paths[path],
      [method]: { ...described, operationId: route.operation.replace(' ', ':') },
    };
  }
  return document;
}

/** What the documents of all services on the chassis have. */
const commonComponents = (): Document['components'] => ({
  schemas: { Problem: PROBLEM },
  headers: { 'x-request-id': REQUEST_ID },
  responses: Object.fromEntries(Object.entries(COMMON).map(([status, words]) => [status, problem(words)])),
});

/** The documents of the services behind, but for those that are down: without some of them all else goes on. */
async function readOrigins(routes: AnyRoute[], requestId: unknown): Promise<Origins> {
  const services = new Set(routes.flatMap((route) => ('origin' in route && route.origin.service) || []));
  const read = async (service: Callee) => {
    const answer = await service.call('/openapi.json', { requestId }).catch(() => undefined);
    if (!answer) return [];
    if (!answer.ok) throw new Problem(503, `${service.name} does not say what its API is: it answers ${answer.status}`);
    return [[service, setApart(service.name, (await answer.json()) as Partial<Document>)] as const];
  };
  return new Map((await Promise.all([...services].map(read))).flat());
}

/** With components that no other document has under the same name: those of clock begin with `clock-`. */
function setApart(service: string, { paths = {}, components = {} }: Partial<Document>): Origin {
  const common = commonComponents();
  const rename = (kind: string, name: string): string =>
    isDeepStrictEqual(components[kind]?.[name], common[kind]?.[name]) ? name : `${service}-${name}`;
  const text = JSON.stringify({ paths, components });
  const apart: Origin = JSON.parse(
    text.replace(/(?<="#\/components\/)(\w+)\/([^"/]+)/g, (_, kind, name) => `${kind}/${rename(kind, name)}`),
  );
  const entries = Object.entries(apart.components).map(([kind, named]) => [
    kind,
    Object.fromEntries(Object.entries(named).map(([name, component]) => [rename(kind, name), component])),
  ]);
  return { ...apart, components: Object.fromEntries(entries) };
}

function find(origins: Origins, { origin: { service, operation } }: Forwarded): Fields | undefined {
  const document = service && origins.get(service);
  if (!document) return undefined;
  const { method, path } = place(operation);
  const { [method]: found, parameters: shared } = document.paths[path] ?? {};
  if (!found) throw new Problem(503, `${service.name} has no ${operation}`);
  return shared ? { ...found, parameters: [shared, found.parameters ?? []].flat() } : found;
}

/** Where an operation is in a document: `GET /orders/:id` at `/orders/{id}`, `get` */
function place(operation: Operation): { method: string; path: string } {
  const [method, path] = split(operation);
  return { method, path: path.replace(/:(\w+)/g, '{$1}') };
}

function describeContract(
  { title }: Info,
  { summary, params, query, headers, body, answers }: Contract,
  convert: Convert,
): Fields {
  const parameters = Object.entries({ path: params, query, header: headers }).flatMap(([place, schema]) =>
    schema ? parametersOf(place, convert(schema)) : [],
  );
  const common = Object.entries(COMMON).filter(([status]) => body || !OF_BODIES.includes(status));
  const all: Contract['answers'] = { ...Object.fromEntries(common), ...answers };
  const responses = Object.entries(all).map(([status, answer]) => [
    status,
    describeAnswer(Number(status), answer, convert),
  ]);
  return {
    tags: [title],
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: { 'application/json': { schema: convert(body) } } } }),
    responses: Object.fromEntries(responses),
  };
}

function parametersOf(place: string, { properties = {}, required = [] }: JsonSchema): Fields[] {
  return Object.entries(properties).map(([name, of]) => {
    const { description, ...rest } = of as JsonSchema;
    return { name, in: place, required: required.includes(name), ...(description && { description }), schema: rest };
  });
}

function describeAnswer(status: number, answer: GenericSchema | string, convert: Convert): Fields {
  if (typeof answer !== 'string') return response(STATUS_CODES[status], 'application/json', convert(answer));
  if (status < 400) return response(answer);
  if (answer === COMMON[status as keyof typeof COMMON]) return { $ref: `#/components/responses/${status}` };
  return problem(answer);
}

const problem = (words: string): Fields =>
  response(words, 'application/problem+json', { $ref: '#/components/schemas/Problem' });

function response(description = '', type?: string, schema?: Fields | JsonSchema): Fields {
  const headers = { 'x-request-id': { $ref: '#/components/headers/x-request-id' } };
  return { description, headers, ...(type && { content: { [type]: { schema } } }) };
}

type Convert = (schema: GenericSchema) => JsonSchema;

/**
 * Makes JSON Schemas; those that refer to themselves are among the `named`. What valibot alone can tell, such as a check
 * by a function, is left out.
 */
function converter(title: string, named: Fields): Convert {
  return (schema) => {
    const before = Object.keys(named).length;
    const nameOf = (id: string): string => `${title}-${before}-${id}`;
    const { $schema, $defs, ...rest } = toJsonSchema(schema, {
      target: 'draft-2020-12',
      errorMode: 'ignore',
      overrideRef: ({ referenceId }) => `#/components/schemas/${nameOf(referenceId)}`,
    });
    for (const [id, definition] of Object.entries($defs ?? {})) named[nameOf(id)] = definition;
    return rest;
  };
}
