import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { AnswerTooLargeError } from '../answer-too-large-error.ts';
import { StoreUnavailableError } from '../unavailable-error.ts';
import type { Question, Questions, ReadReply, ReadRequest } from './protocol.ts';

interface Waiting {
  question: Question;
  /** Collects unsealed points at the moment the question goes out. */
  ask: () => unknown;
  accept: (answer: never) => void;
  refuse: (error: unknown) => void;
}

/** A question that met a sealing each time; sealing waits for minutes, so this is a bug. */
const MOST_TRIES = 20;

/**
 * Puts questions to the read worker, one after the other: what the writer holds unsealed is gathered when a
 * question goes out, not when it is asked, so that it seldom goes stale. The worker is started by the first
 * question and again when it has died.
 */
export class ReadClient {
  readonly #file: string;
  readonly #generation: () => number;
  #worker: Worker | undefined;
  #queue: Waiting[] = [];
  #current: { waiting: Waiting; id: number; tries: number } | undefined;
  #nextId = 1;
  #closed = false;

  /** `generation` gives the number of sealings so far. */
  constructor(file: string, generation: () => number) {
    this.#file = file;
    this.#generation = generation;
  }

  ask<Q extends Question>(question: Q, ask: () => Questions[Q]['ask']): Promise<Questions[Q]['answer']> {
    if (this.#closed) return Promise.reject(new StoreUnavailableError('The store is closed.'));
    return new Promise((accept, refuse) => {
      this.#queue.push({ question, ask, accept, refuse });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { refuse } of this.#queue.splice(0)) refuse(new StoreUnavailableError('The store is closed.'));
    const worker = this.#worker;
    if (worker === undefined) return;
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.ref();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    worker.postMessage('close');
    await ended;
  }

  #next(): void {
    if (this.#current !== undefined) return;
    const waiting = this.#queue.shift();
    if (waiting === undefined) {
      this.#worker?.unref();
      return;
    }
    this.#current = { waiting, id: 0, tries: 0 };
    this.#send();
  }

  #send(): void {
    const current = this.#current!;
    current.id = this.#nextId++;
    current.tries++;
    try {
      const ask = current.waiting.ask() as ReadRequest['ask'];
      const worker = (this.#worker ??= this.#start());
      worker.ref();
      const request: ReadRequest = {
        id: current.id,
        question: current.waiting.question,
        generation: this.#generation(),
        ask,
      };
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      worker.postMessage(request);
    } catch (error) {
      this.#finish((waiting) => waiting.refuse(error));
    }
  }

  #receive(reply: ReadReply): void {
    if (this.#current?.id !== reply.id) return;
    if ('stale' in reply) {
      if (this.#current.tries < MOST_TRIES) this.#send();
      else
        this.#finish(({ refuse }) =>
          refuse(new Error('The store was sealed again and again during a read.')),
        );
    } else if ('error' in reply) {
      const { message, tooLarge } = reply.error;
      const error = tooLarge ? new AnswerTooLargeError(message) : new Error(message);
      if (reply.error.stack !== undefined) error.stack = reply.error.stack;
      this.#finish(({ refuse }) => refuse(error));
    } else {
      this.#finish(({ accept }) => accept(reply.answer as never));
    }
  }

  #finish(settle: (waiting: Waiting) => void): void {
    const { waiting } = this.#current!;
    this.#current = undefined;
    settle(waiting);
    this.#next();
  }

  #start(): Worker {
    // The twin of this file: .ts from source, .js from the build. Loaders of the program (--import) stay out.
    const url = new URL(`./read-worker${extname(import.meta.url)}`, import.meta.url);
    const worker = new Worker(url, { workerData: { file: this.#file }, execArgv: [], env: {} });
    worker.on('message', (reply: ReadReply) => this.#receive(reply));
    worker.on('error', (error) => this.#lost(worker, error));
    worker.on('exit', () => this.#lost(worker, new Error('The read worker ended.')));
    return worker;
  }

  #lost(worker: Worker, error: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    if (this.#current !== undefined) this.#finish(({ refuse }) => refuse(error));
  }
}
