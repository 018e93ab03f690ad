/**
 * Host mode: the enabled services under nodemon on this machine, with a real PostgreSQL of the stand's own, at the
 * addresses of the cluster. It supervises: what dies comes back, what changes is taken up, and its end is all's end.
 */
import { isDeepStrictEqual } from 'node:util';
import { hashMigrations, MIGRATIONS } from '../../services/chassis/sources.cjs';
import { makeDatabase } from '../database/branches.ts';
import { connectionsOf } from '../database/connect.ts';
import { noteDatabasePerBranch } from '../facts/branch.ts';
import { databasePort, otherSlot } from '../facts/ports.ts';
import { checkSchema } from '../facts/schema.ts';
import { isOfBranch, loadValues, sourcesOf, type Values } from '../facts/values.ts';
import { describeListener, isTaken } from '../machine/ports.ts';
import { Fault } from '../machine/terminal.ts';
import { askForInstall, onChange, readChanged } from './changes.ts';
import { Database } from './database.ts';
import { findJaeger, Jaeger, jaegerPorts, jaegerTracing } from './jaeger.ts';
import { migrate } from './migrations.ts';
import { announce, onReaderGone } from './output.ts';
import { Service } from './service.ts';
import { type Definition, defineServices } from './services.ts';
import { endLeftovers, forgetRun, type Migrated, noteRun, refuseOthersState, refuseSecondRun } from './state.ts';

const RETRY_MS = 1000;

export interface HostOptions {
  /** Which helm/app/values-ENVIRONMENT.yaml. */
  environment: string;
  /** Only these; empty for those that the values enable. */
  services: string[];
  /** With a debugger's port for each. */
  debug: boolean;
  /** With Jaeger, where this machine has it. */
  traces: boolean;
}

/**
 * Runs until it is ended: by Ctrl-C, SIGTERM, or a terminal or reader that has gone.
 * @throws {Fault} with one sentence when something is in the way, before anything is started
 */
export async function runHostMode(wanted: HostOptions): Promise<void> {
  refuseOthersState();
  refuseSecondRun();
  const options = { ...wanted, traces: wanted.traces && findJaeger() };
  const values = loadHostValues(options);
  await endLeftovers();
  await refuseTakenPorts(defineServices(values, options.debug), options);
  noteDatabasePerBranch(values.postgresql.database);
  await new HostMode(options, values).run();
}

/** @throws with a sentence for values that the schema refuses, or an environment whose database is elsewhere */
function loadHostValues({ environment, services, traces }: HostOptions): Values {
  const values = loadValues(environment, services);
  checkSchema(values);
  if (values.postgresql.enabled && values.postgresql.auth.password)
    return traces ? { ...values, tracing: jaegerTracing() } : values;
  throw new Fault(
    `ENV=${environment} does not run in host mode: its database is a managed one, elsewhere`,
    `make dev MODE=host runs values-local.yaml; ENV=${environment} takes the cluster: make dev MODE=cluster`,
  );
}

/** PostgreSQL's is startPostgres's to judge: what a killed run has left may hold it. @throws {Fault} naming the first taken one */
async function refuseTakenPorts(definitions: Definition[], { traces }: HostOptions): Promise<void> {
  for (const port of [...definitions.map(({ port }) => port), ...(traces ? jaegerPorts() : [])])
    if (await isTaken(port))
      throw new Fault(
        `Port ${port} is taken by ${describeListener(port)}`,
        `End it, then make dev again; or take other ports: ${otherSlot()}`,
      );
}

class HostMode {
  readonly #options: HostOptions;
  readonly #stopping = new AbortController();
  readonly #database: Database;
  readonly #jaeger: Jaeger | undefined;
  readonly #services = new Map<string, Service>();
  readonly #migrated = new Map<string, Migrated>();
  readonly #since = Date.now();
  #values: Values;
  #takingUp = Promise.resolve();
  /** Ends what watches the services that the values of the moment have. */
  #watching = new AbortController();

  constructor(options: HostOptions, values: Values) {
    this.#options = options;
    this.#values = values;
    this.#database = new Database(values, this.#signal);
    this.#jaeger = options.traces ? new Jaeger(() => this.#note()) : undefined;
  }

  get #signal(): AbortSignal {
    return this.#stopping.signal;
  }

  async run(): Promise<void> {
    const stopped = new Promise((done) => this.#signal.addEventListener('abort', done));
    this.#heedSignals();
    try {
      await this.#start();
      await Promise.race([stopped, this.#untilReady()]);
      await stopped;
    } catch (error) {
      if (!this.#signal.aborted) throw error;
    } finally {
      await this.#end();
    }
  }

  /** The first Ctrl-C ends everything in order, the second at once. A closed terminal reads no more of it. */
  #heedSignals(): void {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => {
        if (this.#signal.aborted) this.#kill();
        announce('\nStopping … (Ctrl-C again: at once)');
        this.#stopping.abort();
      });
    process.on('SIGHUP', () => this.#stopping.abort());
    onReaderGone(() => this.#stopping.abort());
  }

  async #start(): Promise<void> {
    announce('Starting PostgreSQL …');
    this.#note();
    this.#jaeger?.start();
    await this.#database.start();
    await this.#makeDatabase(this.#values);
    const definitions = this.#definitions();
    for (const definition of definitions) {
      const fault = await this.#migrate(definition);
      if (fault) throw new Fault(fault, 'Mend it, then make dev again.');
    }
    this.#signal.throwIfAborted();
    for (const definition of definitions) this.#startService(definition);
    this.#watch();
    onChange(sourcesOf(this.#options.environment), this.#signal, () => this.#takeUp());
    // A checkout of the time before.
    if (!isOfBranch(this.#values)) await this.#takeUp();
    askForInstall(this.#signal);
  }

  #definitions(): Definition[] {
    return defineServices(this.#values, this.#options.debug);
  }

  /** That of the branch (DB=branch), where it is to be used for the first time. */
  #makeDatabase(values: Values): Promise<void> {
    return makeDatabase(connectionsOf(values), values, announce);
  }

  #startService(definition: Definition): void {
    const service = new Service(definition, () => this.#note());
    this.#services.set(definition.name, service);
    void service.start();
  }

  async #untilReady(): Promise<void> {
    await Promise.all([...this.#services.values()].map(({ ready }) => ready));
    const line = (name: string, address: string): string => `  ${name.padEnd(12)} ${address}`;
    const services = this.#definitions().map(({ name, port }) => line(name, `http://localhost:${port}`));
    const database = line('postgresql', `localhost:${databasePort()}`);
    const traces = this.#jaeger ? [line('jaeger', jaegerTracing().url)] : [];
    announce(
      ['', '✓ Ready. Every save is served at once; Ctrl-C stops.', ...services, database, ...traces, ''].join('\n'),
    );
  }

  /** New migrations of each service are applied while it runs. */
  #watch(): void {
    this.#watching.abort();
    this.#watching = new AbortController();
    const signal = AbortSignal.any([this.#signal, this.#watching.signal]);
    for (const definition of this.#definitions()) {
      const files = MIGRATIONS.map((file) => `${definition.folder}/${file}`);
      if (definition.migrateCommand.length > 0) onChange(files, signal, () => this.#migrateAgain(definition));
    }
  }

  /** Undefined when they succeeded, there are none to run, or they are another branch's; else one sentence. */
  async #migrate(definition: Definition): Promise<string | undefined> {
    if (definition.migrateCommand.length === 0) return undefined;
    // Before they are read: those that change meanwhile are to be applied again.
    const hash = hashMigrations(definition.folder);
    let isOurs = false;
    const fault = await migrate(definition, this.#signal, () => {
      isOurs = isOfBranch(this.#values);
      return isOurs;
    });
    if (!isOurs) return undefined;
    this.#migrated.set(definition.name, { hash, failed: fault !== undefined });
    if (!this.#signal.aborted) this.#note();
    return fault;
  }

  async #migrateAgain(definition: Definition): Promise<void> {
    const fault = await this.#migrate(definition);
    if (fault) announce(`✗ ${fault}; they run again at the next save`);
    else if (!this.#signal.aborted && !this.#isBehind(definition))
      announce(`✓ The migrations of ${definition.name} are applied`);
  }

  /** One change after the other. */
  #takeUp(): Promise<void> {
    this.#takingUp = this.#takingUp.then(() => this.#takeUpValues());
    return this.#takingUp;
  }

  /** Starts anew what the values have changed, and nothing else. */
  async #takeUpValues(): Promise<void> {
    const values = this.#readValues();
    if (!values || this.#signal.aborted) return;
    if (!isOfBranch(values))
      return announce('! There is no git branch, as in a rebase: database and migrations wait for one');
    try {
      await this.#makeDatabase(values);
    } catch (error) {
      announce(`✗ ${(error as Error).message}; it is tried again`);
      return void setTimeout(() => this.#takeUp(), RETRY_MS).unref();
    }
    this.#values = values;
    const wanted = this.#definitions();
    const isCurrent = (service: Service): boolean => wanted.some((definition) => service.isAs(definition));
    const outdated = [...this.#services.values()].filter((service) => !isCurrent(service));
    for (const { definition } of outdated) this.#services.delete(definition.name);
    await Promise.all(outdated.map((service) => service.end()));
    const missing = wanted.filter(({ name }) => !this.#services.has(name));
    for (const definition of wanted) {
      const isMissing = missing.includes(definition);
      if (definition.migrateCommand.length > 0 && (isMissing || this.#isBehind(definition)))
        await this.#migrateAgain(definition);
      if (isMissing && !this.#signal.aborted) this.#startService(definition);
    }
    this.#watch();
    this.#note();
    const names = [...new Set([...outdated.map(({ definition }) => definition), ...missing].map(({ name }) => name))];
    if (names.length > 0) announce(`✓ Changed values taken up: ${names.join(', ')}`);
  }

  /** Its migrations are others than those that were applied, as after a rebase. */
  #isBehind({ name, folder }: Definition): boolean {
    return this.#migrated.get(name)?.hash !== hashMigrations(folder);
  }

  /** Undefined when they can't be taken up; one line says why. */
  #readValues(): Values | undefined {
    const values = readChanged(() => loadHostValues(this.#options));
    if (!values || isDeepStrictEqual(values.postgresql.auth, this.#values.postgresql.auth)) return values;
    announce('! postgresql.auth has changed: Ctrl-C, then make dev takes it up');
  }

  #note(): void {
    const definitions = this.#definitions();
    const started = [...this.#services.values(), this.#jaeger];
    noteRun({
      environment: this.#options.environment,
      since: this.#since,
      services: definitions.map(({ name }) => name),
      migrated: Object.fromEntries(this.#migrated),
      ports: [databasePort(), ...definitions.map(({ port }) => port), ...(this.#jaeger ? jaegerPorts() : [])],
      groups: started.flatMap((one) => one?.group ?? []),
    });
  }

  async #end(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([...this.#services.values()].map((service) => service.end()));
    await Promise.all([this.#database.stop(), this.#jaeger?.end()]);
    forgetRun();
  }

  #kill(): never {
    for (const service of this.#services.values()) service.kill();
    void this.#jaeger?.end();
    process.exit(130);
  }
}
