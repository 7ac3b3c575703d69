import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('program.ts', import.meta.url));

/** The idle program of the bench, with its processes. */
export class Observed {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;

  private constructor(args: readonly string[], env: Record<string, string>) {
    this.#child = spawn(process.execPath, [PROGRAM, ...args], { env: { ...process.env, ...env } });
    this.#child.stderr.pipe(process.stderr);
    this.#reader = createInterface({ input: this.#child.stdout });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  static async start(args: readonly string[], env: Record<string, string> = {}): Promise<Observed> {
    const observed = new Observed(args, env);
    await observed.#line();
    return observed;
  }

  /** CPU of the program and of those it has started, in microseconds. */
  cpu(): number {
    return treeOf(this.#child.pid as number).reduce((sum, pid) => sum + cpuOf(pid), 0);
  }

  /** 99th percentile of the time between two looks at the loop, in ms, since the last call. */
  async delay(): Promise<number> {
    this.#child.stdin.write('delay\n');
    return Number(await this.#line());
  }

  /** Ends it; milliseconds that this took. */
  async end(): Promise<number> {
    const before = performance.now();
    const exited = once(this.#child, 'exit');
    this.#child.stdin.write('end\n');
    await exited;
    return performance.now() - before;
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the program of the bench has ended');
    return value;
  }
}

function treeOf(root: number): number[] {
  const children = list(`/proc/${root}/task`)
    .flatMap((thread) => text(`/proc/${root}/task/${thread}/children`).split(' '))
    .filter(Boolean)
    .map(Number);
  return [root, ...children.flatMap(treeOf)];
}

/** Exact, in nanoseconds, where /proc/PID/stat counts hundredths of a second. */
function cpuOf(pid: number): number {
  return list(`/proc/${pid}/task`).reduce(
    (sum, thread) => sum + Number(text(`/proc/${pid}/task/${thread}/schedstat`).split(' ', 1)[0]) / 1000,
    0,
  );
}

function text(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
