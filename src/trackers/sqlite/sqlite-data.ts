import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { DataChunk, DataPosition, RunData } from '../local/run-data.ts';
import type { SinkRun } from '../sink.ts';
import type { DatabaseReply, DatabaseRequest } from './protocol.ts';

export const SQLITE_FILE = 'run.sqlite';

type Ask<T> = T extends unknown ? Omit<T, 'id'> : never;

/** A run as an SQLite file, written by a thread of its own. The file itself knows how far it is. */
export class SqliteData implements RunData {
  readonly #path: string;
  #worker: Worker | undefined;
  #run: SinkRun | undefined;
  #nextId = 1;
  readonly #waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();

  constructor(folder: string) {
    this.#path = join(folder, SQLITE_FILE);
  }

  async open(run: SinkRun): Promise<DataPosition> {
    this.#run = run;
    await this.#start();
    return { file: SQLITE_FILE, bytes: 0 };
  }

  async append(from: DataPosition, chunk: DataChunk): Promise<DataPosition> {
    // a thread that died (out of memory) is started again
    if (!this.#worker) await this.#start();
    await this.#ask({ ask: 'append', chunk });
    return from;
  }

  seal(from: DataPosition): DataPosition {
    return from;
  }

  kept(): void {}

  async close(): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    await this.#ask({ ask: 'close' }).catch(() => {});
    worker.ref();
    await ended;
  }

  async #start(): Promise<void> {
    if (!this.#run) throw new Error('The run was not opened.');
    if (!this.#worker) {
      const url = new URL(`./database-worker${extname(import.meta.url)}`, import.meta.url);
      const worker = new Worker(url, { workerData: { path: this.#path }, execArgv: QUIET, env: {} });
      worker.on('message', (reply: DatabaseReply) => this.#receive(reply));
      worker.on('error', (error) => this.#lost(worker, error));
      worker.on('exit', () => this.#lost(worker, new Error('the thread that writes the SQLite file ended')));
      worker.unref();
      this.#worker = worker;
    }
    await this.#ask({ ask: 'open', run: this.#run });
  }

  #ask(request: Ask<DatabaseRequest>): Promise<void> {
    const worker = this.#worker;
    if (!worker) return Promise.reject(new Error('the thread that writes the SQLite file is gone'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      // the process stays while it is awaited
      worker.ref();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      worker.postMessage({ ...request, id });
    });
  }

  #receive(reply: DatabaseReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) this.#worker?.unref();
    if ('error' in reply) waiting?.reject(new Error(reply.error));
    else waiting?.resolve();
  }

  #lost(worker: Worker, error: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const reason = error instanceof Error ? error : new Error(String(error));
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }
}

/** Node 22 calls its SQLite experimental on every start; it does what we need. */
const QUIET = ['--disable-warning=ExperimentalWarning'];
