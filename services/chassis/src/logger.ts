import { type Logger, pino } from 'pino';

export type { Logger };

/** JSON lines on stdout, one object per event, with the service's name. An unknown level is loadConfig's to report. */
export function createLogger(service: string, level = process.env.LOG_LEVEL ?? ''): Logger {
  const options = {
    level: Object.hasOwn(pino.levels.values, level) || level === 'silent' ? level : 'info',
    base: { service },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  // Written at once: a line still on its way when the process exits would be lost, or come after the last one.
  return pino(options, pino.destination({ sync: true }));
}
