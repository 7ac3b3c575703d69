import { StringDecoder } from 'node:string_decoder';
import { LineSplitter } from './line-splitter.ts';

export type ConsoleStream = 'stdout' | 'stderr';
type Listener = (stream: ConsoleStream, line: string) => void;
type Write = NodeJS.WriteStream['write'];

/** What llm-otel prints about a tracker must not go to that tracker, which would make it print again. */
const OWN = /^llm-otel[: ]/;

/** One of the two streams while somebody listens. */
class CapturedStream {
  readonly #name: ConsoleStream;
  readonly #listeners: ReadonlySet<Listener>;
  readonly #decoder = new StringDecoder('utf8');
  readonly #lines: LineSplitter;
  readonly #original: Write;
  readonly #wrapped: Write;
  /** Somebody had put a `write` of their own on the stream before. */
  readonly #isOwn: boolean;
  /** True while a line is handed on: what is printed by that is not captured. */
  #inside = false;

  constructor(name: ConsoleStream, listeners: ReadonlySet<Listener>) {
    this.#name = name;
    this.#listeners = listeners;
    this.#lines = new LineSplitter((line) => this.#give(line));
    const stream = process[name];
    const original = (this.#original = Reflect.get(stream, 'write'));
    this.#isOwn = Object.hasOwn(stream, 'write');
    // oxlint-disable-next-line typescript/no-this-alias -- `this` of the wrapper is the stream's
    const captured = this;
    this.#wrapped = function write(this: NodeJS.WriteStream, ...args: Parameters<Write>): boolean {
      captured.#take(args[0], args[1]);
      return original.apply(this, args);
    } as Write;
    stream.write = this.#wrapped;
  }

  /** Hands on the line that has no end yet. */
  flush(): void {
    this.#guarded(() => this.#lines.end());
  }

  restore(): void {
    const stream = process[this.#name];
    // somebody who came later has ours inside: it stays there, and without listeners it only passes on
    if (Reflect.get(stream, 'write') !== this.#wrapped) return;
    if (this.#isOwn) stream.write = this.#original;
    else Reflect.deleteProperty(stream, 'write');
  }

  #take(chunk: unknown, encoding: unknown): void {
    if (this.#inside || this.#listeners.size === 0) return;
    this.#guarded(() => {
      if (typeof chunk === 'string')
        this.#lines.add(
          typeof encoding === 'string' && /^(hex|base64|base64url)$/i.test(encoding)
            ? this.#decoder.write(Buffer.from(chunk, encoding as BufferEncoding))
            : chunk,
        );
      else if (chunk instanceof Uint8Array)
        this.#lines.add(this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)));
    });
  }

  #give(line: string): void {
    if (OWN.test(line)) return;
    for (const listener of this.#listeners) listener(this.#name, line);
  }

  /** The program's printing goes on, whatever happens in here. */
  #guarded(work: () => void): void {
    this.#inside = true;
    try {
      work();
    } catch {
      // a line less
    } finally {
      this.#inside = false;
    }
  }
}

/** One wrapper for all runs of a process: they may begin and end in any order. */
const listeners = new Set<Listener>();
let captured: CapturedStream[] = [];

/**
 * Hands on the whole lines that this process writes to stdout and stderr from now on, without the line end. The
 * writes themselves, their results and callbacks are as they were. What child processes and native code print by
 * themselves does not come this way. Lines that begin with `llm-otel` (our own messages) are left out.
 */
export function captureConsole(onLine: Listener): { stop: () => void } {
  const listener: Listener = (stream, line) => onLine(stream, line);
  if (listeners.size === 0)
    captured = (['stdout', 'stderr'] as const).map((name) => new CapturedStream(name, listeners));
  listeners.add(listener);
  return {
    stop: () => {
      if (!listeners.has(listener)) return;
      // a line without an end is complete now
      for (const stream of captured) stream.flush();
      listeners.delete(listener);
      if (listeners.size > 0) return;
      for (const stream of captured) stream.restore();
      captured = [];
    },
  };
}
