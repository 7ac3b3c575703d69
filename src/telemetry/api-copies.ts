/** A copy of `@opentelemetry/api` on disk. */
export interface ApiCopy {
  readonly path: string;
  readonly version: string;
  /** Is it loaded in this process? */
  readonly loaded: boolean;
}
export interface ApiCopies {
  readonly ownVersion: string;
  /** Version that the globals of this process were registered with; undefined when nobody registered. */
  readonly globalVersion: string | undefined;
  readonly copies: readonly ApiCopy[];
  /** What is wrong, what follows, what to do; empty when all is well. */
  readonly problems: readonly string[];
}
export function inspectApiCopies(_options?: { directories?: readonly string[]; deep?: boolean }): ApiCopies {
  return { ownVersion: '', globalVersion: undefined, copies: [], problems: [] };
}
