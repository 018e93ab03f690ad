/** Other programs, run to their end. */
import { execFile, spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Fault } from './terminal.ts';

export interface Answer {
  ok: boolean;
  installed: boolean;
  stdout: string;
  stderr: string;
}

/** Asks a program something; whatever it does is an answer, also that it isn't there or says nothing for 10 s. */
export function ask(program: string, ...args: string[]): Promise<Answer> {
  return new Promise((done) => {
    const child = execFile(program, args, { timeout: 10_000, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      done({ ok: !error, installed: error?.code !== 'ENOENT', stdout, stderr }),
    );
    // kubectl would ask for a user's name, and wait.
    child.stdin?.on('error', () => {}).end();
  });
}

/** Runs a program on this terminal. @throws {Fault} when it fails; it has said why itself */
export async function perform(program: string, ...args: string[]): Promise<void> {
  const code = await new Promise((done, fail) => {
    const child = spawn(program, args, { stdio: 'inherit' });
    child.once('error', fail);
    child.once('close', (code, signal) => done(code ?? signal));
  });
  if (code !== 0) throw new Fault(`${program} ${args[0] ?? ''} failed (${code})`);
}

/**
 * What a program prints, however long it takes; other work goes on meanwhile.
 * @throws with what it said when it fails
 */
export function capture(program: string, args: string[], input = ''): Promise<string> {
  return new Promise((done, fail) => {
    const child = execFile(program, args, { maxBuffer: 2 ** 26 }, (error, stdout) => {
      // Some say on stdout what is wrong.
      if (error) fail(new Error([error.message, stdout].join('\n').trim()));
      else done(stdout.trim());
    });
    // One that ends without reading says in its own way why.
    child.stdin?.on('error', () => {}).end(input);
  });
}

/** Where a program is on PATH. */
export function which(program: string): string | undefined {
  const candidates = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, program));
  return candidates.find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
