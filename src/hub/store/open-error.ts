/** The data directory cannot be used: locked, damaged, foreign or newer. The message says what to do. */
export class StoreOpenError extends Error {
  override name = 'StoreOpenError';
}
