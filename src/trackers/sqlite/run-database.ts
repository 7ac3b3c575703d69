import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { RunEndStatus } from '../../conventions/index.ts';
import { exactJson } from '../local/exact-json.ts';
import type { HistogramRecord, SinkArtifact, SinkMap, SinkRecord, SinkRun } from '../sink.ts';
import { SQLITE_INDEX, SQLITE_SCHEMA, SQLITE_VERSION } from './schema.ts';

const STATEMENTS = {
  run: `INSERT INTO runs (rank, id, name, project, "group", world_size, attempt, started_at, status, source, summary, seq)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'running', ?, '{}', -1)
    ON CONFLICT (rank) DO UPDATE SET attempt = max(attempt, excluded.attempt)`,
  held: 'SELECT seq FROM runs WHERE rank = ?',
  progress: `UPDATE runs SET seq = ?, status = 'running', ended_at = NULL WHERE rank = ? AND seq < ?`,
  end: 'UPDATE runs SET status = ?, summary = ?, ended_at = ? WHERE rank = ?',
  key: 'INSERT INTO keys (key) VALUES (?) ON CONFLICT (key) DO UPDATE SET key = key RETURNING id',
  point: 'INSERT INTO points VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  system: 'INSERT INTO system_points VALUES (?, ?, ?, ?, ?, ?)',
  histogram: 'INSERT INTO histograms VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  param: 'INSERT OR REPLACE INTO params VALUES (?, ?, ?)',
  tag: 'INSERT OR REPLACE INTO tags VALUES (?, ?, ?)',
  note: 'INSERT INTO notes VALUES (?, ?, ?, ?, ?)',
  console: 'INSERT INTO console VALUES (?, ?, ?, ?)',
  artifact: 'INSERT INTO artifacts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
} as const;

/**
 * A run's SQLite file, one or more ranks. Synchronous, as node:sqlite is: beside a training loop it belongs into a
 * worker. Each call is one transaction, and the newest `seq` is part of it: records that come again are left out.
 */
export class RunDatabase {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #keys = new Map<string, number>();
  #rank = 0;

  /**
   * `live`: the file grows while others read it (write-ahead log, each transaction forced to the disk, index from the
   * start). Otherwise it is written in one go, which is faster, and is complete after `close`.
   */
  constructor(path: string, { live }: { live: boolean }) {
    this.#database = new DatabaseSync(path);
    this.#database.exec(
      live
        ? 'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;'
        : 'PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -32000;',
    );
    this.#database.exec(`${SQLITE_SCHEMA} PRAGMA user_version = ${SQLITE_VERSION};`);
    if (live) this.#database.exec(SQLITE_INDEX);
  }

  /** Goes on with that rank. @returns the highest `seq` that the file has of it; -1 for none */
  open(run: SinkRun): number {
    this.#rank = run.rank;
    return this.#transaction(() => {
      const { id, name, project, group, rank, worldSize, attempt, startedAt, source } = run;
      const facts = [rank, id, name, project, group ?? null, worldSize, attempt, startedAt];
      this.#statement('run').run(...facts, exactJson(source));
      const held = Number(this.#statement('held').get(rank)?.['seq'] ?? -1);
      if (held < 0) {
        this.#pairs('param', run.params);
        this.#pairs('tag', run.tags);
      }
      return held;
    });
  }

  write(records: readonly SinkRecord[]): void {
    this.#transaction(() => {
      let highest = -1;
      for (const record of records) {
        this.#insert(record);
        highest = Math.max(highest, record.seq);
      }
      this.#progress(highest);
    });
  }

  artifact({ seq, time, name, kind, path, size, sha256, metadata }: SinkArtifact): void {
    this.#transaction(() => {
      const place = [this.#rank, seq, time] as const;
      this.#statement('artifact').run(...place, name, kind, path, size, sha256, exactJson(metadata));
      this.#progress(seq);
    });
  }

  end(status: RunEndStatus, summary: SinkMap, endedAt: number | undefined): void {
    this.#transaction(() =>
      this.#statement('end').run(status, exactJson(summary), endedAt ?? null, this.#rank),
    );
  }

  /** The index of a file that was written in one go. */
  finish(): void {
    this.#database.exec(`${SQLITE_INDEX} PRAGMA optimize;`);
  }

  close(): void {
    this.#database.close();
  }

  #insert(record: SinkRecord): void {
    const rank = this.#rank;
    switch (record.kind) {
      case 'step': {
        const { seq, step, time, epoch, values } = record;
        const statement = this.#statement('point');
        for (const key of Object.keys(values)) {
          const value = values[key] as number;
          const id = this.#key(key);
          statement.run(id, rank, seq, wholeNumber(step), time, finite(epoch), finite(value), exact(value));
        }
        break;
      }
      case 'system':
        for (const [key, value] of Object.entries(record.values)) {
          const place = [this.#key(key), rank, record.sample, record.time];
          this.#statement('system').run(...place, finite(value), exact(value));
        }
        break;
      case 'histogram':
        this.#histogram(record);
        break;
      case 'params':
        this.#pairs('param', record.params);
        break;
      case 'tags':
        this.#pairs('tag', record.tags);
        break;
      case 'note':
        this.#statement('note').run(rank, record.seq, record.time, record.severity, record.text);
        break;
      default:
        this.#statement('console').run(rank, record.time, record.stream, record.text);
    }
  }

  #histogram({ seq, step, time, epoch, name, histogram }: HistogramRecord): void {
    const { edges, counts, min, max, sum, nan, positiveInfinity, negativeInfinity } = histogram;
    const place = [this.#rank, seq, wholeNumber(step), time, finite(epoch), name] as const;
    const figures = [min ?? null, max ?? null, sum ?? null, nan, positiveInfinity, negativeInfinity] as const;
    this.#statement('histogram').run(...place, exactJson(edges), exactJson(counts), ...figures);
  }

  #pairs(statement: 'param' | 'tag', values: SinkMap): void {
    for (const [key, value] of Object.entries(values))
      this.#statement(statement).run(this.#rank, key, exactJson(value));
  }

  #progress(seq: number): void {
    this.#statement('progress').run(seq, this.#rank, seq);
  }

  #key(key: string): number {
    let id = this.#keys.get(key);
    if (id === undefined) {
      id = Number(this.#statement('key').get(key)?.['id']);
      this.#keys.set(key, id);
    }
    return id;
  }

  #statement(name: keyof typeof STATEMENTS): StatementSync {
    let statement = this.#statements.get(name);
    if (!statement) {
      statement = this.#database.prepare(STATEMENTS[name]);
      this.#statements.set(name, statement);
    }
    return statement;
  }

  #transaction<T>(work: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      // keys that were made in it are gone
      this.#keys.clear();
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}

/** SQLite's integers are of 64 bits, and a JavaScript number binds as one only when it is given as one. */
function wholeNumber(step: number): bigint | number {
  return Number.isFinite(step) ? BigInt(Math.trunc(step)) : 0;
}

function finite(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value;
}

function exact(value: number): string | null {
  if (Number.isNaN(value)) return 'NaN';
  return Object.is(value, -0) ? '-0' : null;
}
