import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** A read-only connection with its statements prepared once each. */
export class ReadDatabase {
  readonly database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.database = database;
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows its columns
  all<T>(text: string, ...parameters: (string | number | null)[]): T[] {
    return this.#prepare(text).all(...parameters) as T[];
  }
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows its columns
  each<T>(text: string, ...parameters: (string | number | null)[]): Iterable<T> {
    return this.#prepare(text).iterate(...parameters) as Iterable<T>;
  }
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows its columns
  one<T>(text: string, ...parameters: (string | number | null)[]): T | undefined {
    return this.#prepare(text).get(...parameters) as T | undefined;
  }

  #prepare(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.database.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }
}
