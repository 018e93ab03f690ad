import type { Copy } from '../setup/copy.ts';

const APP = 'services/front/src/app.ts';
const START = 'const app = express();';

/** Routes for tests: what the process is, and ways to end it. */
const ROUTES = `${START}
  app.get('/pid', (_req, res) => { res.send(String(process.pid)); });
  app.get('/env', (_req, res) => { res.json(process.env); });
  app.get('/reject', (_req, res) => { res.send('soon'); setImmediate(() => { void Promise.reject(new Error('rejected')); }); });
  app.get('/throw', (_req, res) => { res.send('soon'); setImmediate(() => { throw new Error('thrown late'); }); });
  app.get('/exit', (_req, res) => { res.send('soon'); setImmediate(() => process.exit(0)); });`;

export function addRoutes(copy: Copy): void {
  editFront(copy, (text) => text.replace(START, ROUTES));
}

/** A save that is served at /saved. */
export function saveRoute(copy: Copy, answer: string): void {
  const route = `app.get('/saved', (_req, res) => { res.send('${answer}'); });`;
  editFront(copy, (text) => text.replace(/\n.*'\/saved'.*/, '').replace(START, `${START}\n  ${route}`));
}

export function editFront(copy: Copy, edit: (text: string) => string): void {
  copy.write(APP, edit(copy.read(APP)));
}
