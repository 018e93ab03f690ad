import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { generatedPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import { Problem, parse } from '@stand/chassis/problem';
import { expect } from 'chai';
import * as v from 'valibot';
import { type HostFixture, hostFixture } from './host.ts';

const SOURCE = 'services/front/src/app.ts';
const LINE = "throw new Problem(503, 'clock is switched off')";

interface Location {
  scriptId: string;
  lineNumber: number;
  columnNumber?: number;
}
// biome-ignore lint/suspicious/noExplicitAny: the protocol's messages differ by method
type Message = Record<string, any>;

/** A debugger, by the inspector protocol (https://chromedevtools.github.io/devtools-protocol/v8/Debugger/). */
class Debugger {
  readonly #socket: WebSocket;
  readonly #events: Message[] = [];
  #wake = (): void => {};
  #id = 0;

  static async attach(url: string): Promise<Debugger> {
    const socket = new WebSocket(url);
    await new Promise((open) => socket.addEventListener('open', open));
    return new Debugger(socket);
  }

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      this.#events.push(JSON.parse(data));
      this.#wake();
    });
  }

  /** The result of a command. */
  async send(method: string, params: object = {}): Promise<Message> {
    const id = ++this.#id;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return (await this.#first((message) => message.id === id)).result;
  }

  /** The first event, from the start on, of a kind. */
  async event(method: string, matches: (params: Message) => boolean = () => true): Promise<Message> {
    return (await this.#first((message) => message.method === method && matches(message.params))).params;
  }

  async #first(matches: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const found = this.#events.find(matches);
      if (found) return found;
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
  }
}

describe('a debugger', () => {
  let service: ChildProcess | undefined;
  let fixture: HostFixture;

  before(async () => {
    fixture = await hostFixture();
  });
  after(() => {
    service?.kill('SIGKILL');
    fixture?.copy.remove();
  });

  it('stops at the line of the TypeScript source where the breakpoint is', async () => {
    const { exec } = JSON.parse(fixture.copy.read('services/front/nodemon.json'));
    const source = fixture.copy.read(SOURCE);
    service = spawn('sh', ['-c', exec], {
      cwd: fixture.copy.at('services/front'),
      env: {
        PATH: process.env.PATH,
        NODE_DEBUG_OPTION: '--inspect=127.0.0.1:0',
        PORT: '0',
        STORE_URL: 'http://127.0.0.1:1',
      },
    });
    const [inspector, port] = await Promise.all([findInspector(service), findPort(service)]);
    const session = await Debugger.attach(inspector);
    await session.send('Debugger.enable');
    const script = await session.event('Debugger.scriptParsed', ({ url }) => url.endsWith(SOURCE));
    const breakpoint = await locate(script, source, LINE);
    await session.send('Debugger.setBreakpoint', { location: breakpoint });

    const answer = fetch(`http://127.0.0.1:${port}/clock`);
    const { callFrames } = await session.event('Debugger.paused');
    expect(callFrames[0].location.scriptId).to.equal(script.scriptId);
    expect(callFrames[0].location.lineNumber).to.equal(breakpoint.lineNumber);
    await session.send('Debugger.resume');
    expect((await answer).status).to.equal(503);
  });
});

describe('a stack trace', () => {
  it('has the line of the TypeScript source', () => {
    const lines = readFileSync('services/chassis/src/problem.ts', 'utf8').split('\n');
    const line = lines.findIndex((text) => text.includes('throw new Problem(400')) + 1;
    expect(() => parse(v.string(), 1))
      .to.throw(Problem)
      .with.property('stack')
      .that.contains(`problem.ts:${line}:`);
  });
});

/** Where a piece of a source's text is in what runs, by its source map. */
async function locate({ scriptId, sourceMapURL }: Message, source: string, text: string): Promise<Location> {
  const map = new TraceMap(await (await fetch(sourceMapURL)).text());
  const before = source.slice(0, source.indexOf(text)).split('\n');
  const column = before.at(-1)?.length ?? 0;
  const position = generatedPositionFor(map, { source: map.sources[0] ?? '', line: before.length, column });
  if (position.line === null) throw new Error('the source map knows nothing of the line');
  return { scriptId, lineNumber: position.line - 1, columnNumber: position.column };
}

async function findInspector({ stderr }: ChildProcess): Promise<string> {
  return findLine(stderr, /(ws:\/\/\S+)/);
}

async function findPort({ stdout }: ChildProcess): Promise<string> {
  return findLine(stdout, /"port":(\d+),"msg":"listening"/);
}

async function findLine(stream: NodeJS.ReadableStream | null, pattern: RegExp): Promise<string> {
  if (!stream) throw new Error('no output');
  for await (const line of createInterface({ input: stream })) {
    const found = pattern.exec(line)?.[1];
    if (found) return found;
  }
  throw new Error(`the process ended without ${pattern}`);
}
