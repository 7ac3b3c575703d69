import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** How a program ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program of `programs/`, under way. */
export class RunningProgram {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ending>;
  #stdout = '';
  #stderr = '';

  constructor(
    name: string,
    args: readonly string[],
    options: { env?: Record<string, string>; node?: readonly string[] } = {},
  ) {
    const file = fileURLToPath(new URL(`programs/${name}`, import.meta.url));
    this.child = spawn(process.execPath, [...(options.node ?? []), file, ...args], {
      env: { PATH: process.env.PATH ?? '', ...options.env },
    });
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text));
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.ended = once(this.child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
  }

  /** Resolves when the program has written that text to standard output. */
  async says(text: string): Promise<void> {
    while (!this.#stdout.includes(text)) await once(this.child.stdout, 'data');
  }
}

export function runProgram(...args: ConstructorParameters<typeof RunningProgram>): Promise<Ending> {
  return new RunningProgram(...args).ended;
}
