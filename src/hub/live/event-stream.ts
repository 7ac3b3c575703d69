import type { ServerResponse } from 'node:http';

/** Bytes that may wait for a slow client before updates are left out. */
export const MOST_WAITING = 1024 * 1024;
/** How long a client may take nothing before it is let go, ms. */
export const LONGEST_STALL = 60_000;
/** Silence after which a comment is sent, ms: proxies and browsers close silent connections. */
export const HEARTBEAT = 15_000;

/** What an event stream needs of a response. */
export type EventSink = Pick<ServerResponse, 'writableLength' | 'write' | 'end' | 'destroy'>;

/**
 * One client's server-sent events (WHATWG HTML, "server-sent events"), with back pressure: a response's `write`
 * buffers without bound when the client stops reading.
 */
export class EventStream {
  readonly #sink: EventSink;
  #lastWrite: number;
  #stalledSince: number | undefined;

  constructor(sink: EventSink, now: number) {
    this.#sink = sink;
    this.#lastWrite = now;
  }

  /** False while too much waits for the client: nothing may be sent. */
  get ready(): boolean {
    return this.#sink.writableLength <= MOST_WAITING;
  }

  /** @param data JSON, which has no line break. */
  send(event: string, id: string, data: string, now: number): void {
    this.#sink.write(`event: ${event}\nid: ${id}\ndata: ${data}\n\n`);
    this.#lastWrite = now;
  }

  /** To be called every second or so: sends the heartbeat, and lets a client go that has stalled. */
  tend(now: number): void {
    if (this.ready) {
      this.#stalledSince = undefined;
      if (now - this.#lastWrite >= HEARTBEAT) {
        this.#sink.write(': still here\n\n');
        this.#lastWrite = now;
      }
      return;
    }
    this.#stalledSince ??= now;
    if (now - this.#stalledSince >= LONGEST_STALL) this.#sink.destroy();
  }

  end(): void {
    this.#sink.end();
  }
}
