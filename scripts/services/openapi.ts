/**
 * services/NAME/openapi.json, what each service on the chassis says of its API: reviewed with the code, compared over
 * time, and there for whoever calls it. Made of the routes by the service's own app, which needs no database for that.
 */
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { ServiceClient } from '@stand/chassis/client';
import { toError } from '@stand/chassis/fault';
import { createHealth } from '@stand/chassis/health';
import type { Express } from 'express';
import { Pool } from 'pg';
import { pino } from 'pino';
import { loadDefaults } from '../facts/values.ts';
import { Fault } from '../machine/terminal.ts';
import { folder } from './folders.ts';

export const documentFile = (name: string): string => `${folder(name)}/openapi.json`;

/** By file name; null where a service on the chassis, such as a plain Express app, says nothing of its API. */
type Texts = Record<string, string | null>;
type Answer = { texts: Texts } | { fault: string; remedy: string | undefined };

const LIMIT_MS = 60_000;
const ANSWER_MS = 10_000;

/** The documents' texts, asked for in a process of its own: services' sources may start what never ends. @throws {Fault} */
export function openapiDocuments(): Promise<Texts> {
  return new Promise((done, fail) => {
    const child = fork('scripts/services/describe.ts', {
      execArgv: ['--conditions=source', '--require', 'ts-node/register'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    child.once('message', (answer: Answer) => {
      if ('texts' in answer) done(answer.texts);
      else fail(new Fault(answer.fault, answer.remedy));
      child.kill('SIGKILL');
    });
    child.once('exit', () =>
      fail(
        new Fault(`The services' APIs were not described within ${LIMIT_MS / 1000} s, or a service ended the process`),
      ),
    );
  });
}

/** The documents' texts, read in this process. @throws {Fault} */
export const readDocuments = (): Promise<Texts> =>
  withApps(async (urls) =>
    Object.fromEntries(
      await Promise.all([...urls].map(async ([name, url]) => [documentFile(name), await read(name, url)])),
    ),
  );

async function read(name: string, url: string): Promise<string | null> {
  try {
    const answer = await fetch(`${url}/openapi.json`, { signal: AbortSignal.timeout(ANSWER_MS) });
    const isJson = answer.headers.get('content-type')?.includes('json');
    if (answer.status === 404 || !isJson) return null;
    const body = (await answer.json()) as { detail?: string };
    if (!answer.ok) throw new Error(body.detail);
    return `${JSON.stringify(body, null, 2)}\n`;
  } catch (error) {
    throw new Fault(`${name} does not describe its API: ${(error as Error).message}`);
  }
}

/** Has the apps of all services on the chassis listen on this machine, each with clients of the others. */
export async function withApps<T>(
  work: (urls: Map<string, string>, apps: Map<string, Express>) => Promise<T>,
): Promise<T> {
  const names = Object.keys(loadDefaults().services).filter((name) => existsSync(appFile(name)));
  const apps = new Map<string, Express>();
  const servers = new Map<string, Server>();
  for (const name of names)
    servers.set(
      name,
      createServer((req, res) => apps.get(name)?.(req, res)),
    );
  await Promise.all([...servers.values()].map(listen));
  const urls = new Map([...servers].map(([name, server]) => [name, urlOf(server)]));
  try {
    for (const name of names) apps.set(name, await createApp(name, urls));
    return await work(urls, apps);
  } finally {
    for (const server of servers.values()) server.close().closeAllConnections();
  }
}

const appFile = (name: string): string => `${folder(name)}/src/app.ts`;

const listen = (server: Server): Promise<void> => new Promise((done) => server.listen(0, '127.0.0.1', done));

const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/**
 * An app with what it asks for by name: the services that it may call, and a pool, which has nothing to connect to.
 * @throws {Fault} when it can't be loaded, or does not come up with these
 */
async function createApp(name: string, urls: Map<string, string>): Promise<Express> {
  const logger = pino({ level: 'silent' });
  const clients = [...urls].map(([callee, url]) => [camelCase(callee), new ServiceClient(callee, url)]);
  try {
    const { createApp } = await import(resolve(appFile(name)));
    return createApp({ ...Object.fromEntries(clients), pool: new Pool(), logger, health: createHealth({ logger }) });
  } catch (error) {
    throw new Fault(
      `${name} can't describe its API: ${stripVTControlCharacters(toError(error).message)}`,
      `Mend ${appFile(name)}, or what it loads, then: make docs`,
    );
  }
}

const camelCase = (name: string): string => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
