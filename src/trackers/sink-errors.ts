/**
 * Why a sink did not take what it was given. The forwarder acts on the difference; messages are for people: what was
 * expected, what came, what to do, and no secrets.
 */

/** Down, slow, overloaded, broken for now: tried again, with back-off. */
export class SinkUnavailable extends Error {
  /** What the tracker asked for (Retry-After), milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** It answered, and the answer was that it failed on this very request (500): it may be what was in it. */
  readonly failedOnRequest: boolean;

  constructor(
    message: string,
    options: { retryAfterMs?: number | undefined; failedOnRequest?: boolean; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SinkUnavailable';
    this.retryAfterMs = options.retryAfterMs;
    this.failedOnRequest = options.failedOnRequest ?? false;
  }
}

/**
 * The tracker will never take these records: the forwarder halves the batch until the bad one stands alone, sets it
 * aside, tells it, and goes on. Out of `open`: the run cannot be opened as it is configured.
 */
export class SinkRefused extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SinkRefused';
  }
}

/** It wants other credentials, or these may not write there. Tried again rarely; nothing is given up. */
export class SinkUnauthorized extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SinkUnauthorized';
  }
}
