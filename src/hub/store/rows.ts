import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** Rows wait this long for their commit when nobody reads: one commit then serves many requests. */
const COMMIT_AFTER_MS = 250;

/**
 * The writer's connection, with rows (series, spans, events) written into a transaction that is committed a
 * little later, or before the next read. Not the durability of `append`: that is the journal's.
 */
export class Rows {
  readonly database: DatabaseSync;
  /** Called when rows that were written are lost. */
  onFailure: (error: unknown) => void = () => undefined;
  /** Called after rows were committed. */
  onCommit: () => void = () => undefined;
  #open = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.database = database;
  }

  /** A prepared statement, one a text. */
  sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.database.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  /** Opens the transaction that `commit` ends. Call before any row is written. */
  begin(): void {
    if (this.#open) return;
    this.database.exec('BEGIN IMMEDIATE');
    this.#open = true;
    this.#timer = setTimeout(() => {
      try {
        this.commit();
      } catch {
        // Reported by `commit`.
      }
    }, COMMIT_AFTER_MS).unref();
  }

  commit(): void {
    if (!this.#open) return;
    clearTimeout(this.#timer);
    this.#open = false;
    try {
      this.database.exec('COMMIT');
    } catch (error) {
      this.onFailure(error);
      throw error;
    }
    this.onCommit();
  }

  /** Runs `action` in a transaction of its own. */
  transaction<T>(action: () => T): T {
    this.commit();
    this.database.exec('BEGIN IMMEDIATE');
    try {
      const result = action();
      this.database.exec('COMMIT');
      return result;
    } catch (error) {
      rollback(this.database);
      throw error;
    }
  }
}

/** SQLite ends some failed transactions by itself; then there is nothing to roll back. */
function rollback(database: DatabaseSync): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    // Already ended.
  }
}

/** Errors of node:sqlite carry SQLite's number; all others are bugs of ours. */
export function isSqliteError(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error;
}
