import { openDatabase } from '@stand/chassis/database';
import { createHealth, type Health } from '@stand/chassis/health';
import type { Logger } from '@stand/chassis/logger';
import { createServer } from '@stand/chassis/server';
import type { Express } from 'express';
import type { Pool } from 'pg';
import { pino } from 'pino';
import type { TestDatabase } from './database.ts';
import { listen, type Running } from './http.ts';

// biome-ignore lint/suspicious/noExplicitAny: a log line holds whatever was logged
export type Line = Record<string, any>;

export interface App extends Running {
  /** What it has logged so far. */
  lines: Line[];
}

export interface AppWithDatabase extends App {
  pool: Pool;
}

/** A service's app in this process, on a free port. */
export async function startApp(create: (given: { logger: Logger; health: Health }) => Express): Promise<App> {
  const { logger, lines } = recordLogs();
  const app = create({ logger, health: createHealth({ logger }) });
  return { ...(await listen(createServer(app, logger))), lines };
}

export async function startAppWithDatabase(
  { config }: TestDatabase,
  create: (given: { pool: Pool; logger: Logger; health: Health }) => Express,
): Promise<AppWithDatabase> {
  const { logger, lines } = recordLogs();
  const { pool, check, close: closeDatabase } = openDatabase(config, logger);
  const health = createHealth({ logger, check });
  const running = await listen(createServer(create({ pool, logger, health }), logger));
  const close = async (): Promise<void> => {
    await running.close();
    await closeDatabase();
  };
  return { ...running, pool, lines, close };
}

/** A logger that keeps its lines instead of printing them. */
export function recordLogs(): { logger: Logger; lines: Line[] } {
  const lines: Line[] = [];
  const formatters = { level: (level: string) => ({ level }) };
  return { lines, logger: pino({ formatters }, { write: (line: string) => lines.push(JSON.parse(line)) }) };
}
