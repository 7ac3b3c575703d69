import type { Context, Span } from '@opentelemetry/api';

/** What an observer may know of the request, and may tell about it. */
export interface ObservedRequest {
  readonly method: string;
  /** Path without query, as received. */
  readonly path: string;
  /** When the request was received, `performance.now()` milliseconds. */
  readonly startTime: number;
  /** `http.route`, once it is known. */
  readonly route?: string | undefined;
  /** Header of the request, lower-case name. */
  requestHeader(name: string): string | undefined;
  /** The context with the SERVER span in it: parent of what the observer records. */
  readonly context: Context;
  /** The SERVER span; undefined before the handler was called. */
  readonly span: Span | undefined;
  /** True once the program records the generation itself. */
  readonly explicitGeneration: boolean;
}

/** What is known of the reply when something of it is seen. */
export interface ObservedReply {
  readonly statusCode: number;
  /** Header of the reply, lower-case name; of several values, the first. */
  header(name: string): string | undefined;
}

/** How the exchange ended. */
export interface ExchangeEnd {
  /** `performance.now()` milliseconds. */
  endTime: number;
  /** The whole reply was handed to the operating system. */
  completed: boolean;
  /** The server gave up on its own reply (`res.destroy(error)`), as opposed to a client that went away. */
  error: Error | undefined;
}

/**
 * Watches the bytes of one exchange. It is given what passes, never asked: it can change neither bytes nor flow.
 * Chunks must not be kept beyond what the observer bounds, nor changed. What it throws is caught and logged once.
 */
export interface ExchangeObserver {
  /** What stands for `http.route` when no framework names it. */
  readonly route?: string;
  requestChunk(chunk: Uint8Array): void;
  /** The request body is complete; not called when it never came whole. */
  requestEnd(): void;
  /**
   * A piece of the reply body, as the program wrote it (compressed, when it compresses itself); called after it was
   * passed on, with the time at which the program wrote it.
   */
  replyChunk(
    chunk: Uint8Array | string,
    encoding: BufferEncoding | undefined,
    at: number,
    reply: ObservedReply,
  ): void;
  /** Exactly once, at the very end. */
  close(end: ExchangeEnd, reply: ObservedReply): void;
  /** The program records the generation itself: forget it. */
  standBack(): void;
}

/** Gives an observer for requests that deserve one. */
export type ObserveExchange = (request: ObservedRequest) => ExchangeObserver | undefined;
