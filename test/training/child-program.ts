import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
}

/** `programs/train.ts` in a process of its own. */
export class TrainingProgram {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ending>;
  readonly #ready: Promise<void>;

  constructor(args: readonly string[], env: Record<string, string>, cwd?: string) {
    const file = fileURLToPath(new URL('programs/train.ts', import.meta.url));
    this.child = spawn(process.execPath, [file, ...args], {
      cwd,
      // a busy machine must not turn the exit's deadline into a failure
      env: { PATH: process.env['PATH'] ?? '', LLM_OTEL_SHUTDOWN_TIMEOUT: '20s', ...env },
    });
    let stderr = '';
    let stdout = '';
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    this.ended = once(this.child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      stderr,
    }));
    this.#ready = new Promise((resolve, reject) => {
      this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
        if (stdout.includes('ready')) resolve();
      });
      void this.ended.then(() => reject(new Error(`the program ended before it was ready: ${stderr}`)));
    });
    this.#ready.catch(() => {});
  }

  ready(): Promise<void> {
    return this.#ready;
  }
}
