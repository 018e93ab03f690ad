import { type Logger, pino } from 'pino';

export type { Logger };

/** JSON lines on stdout, one object per event, with the service's name. An unknown level is loadConfig's to report. */
export function createLogger(service: string, level = process.env.LOG_LEVEL ?? ''): Logger {
  return pino({
    level: Object.hasOwn(pino.levels.values, level) || level === 'silent' ? level : 'info',
    base: { service },
    formatters: { level: (label) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  });
}
