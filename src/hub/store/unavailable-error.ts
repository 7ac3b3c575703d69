/** The request was not taken, and the same request may be taken later (disk full, closing): the receiver answers 503. */
export class StoreUnavailableError extends Error {
  override name = 'StoreUnavailableError';
  readonly retryable = true;
}
