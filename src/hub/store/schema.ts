import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { StoreOpenError } from './open-error.ts';

const SERIES_BY_RESOURCE = 'CREATE INDEX series_resource ON series (resource)';

/** `seq` -1: of a sender that does not count. `body` is JSON. */
const RUN_HISTOGRAM = `CREATE TABLE run_histogram (
  id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, rank INTEGER NOT NULL, seq INTEGER NOT NULL,
  time REAL NOT NULL, name TEXT NOT NULL, step INTEGER, epoch REAL, body TEXT NOT NULL,
  UNIQUE (run, rank, seq, time, name)
);
CREATE INDEX run_histogram_run ON run_histogram (run, id)`;

/**
 * Tables of the database. Points live in chunks (many points a row, compressed); rows per point would make each
 * request of many interleaved series touch every series' page (measured: 20 times slower).
 */
const TABLES = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE resource (id INTEGER PRIMARY KEY AUTOINCREMENT, attributes TEXT NOT NULL UNIQUE);
CREATE TABLE metric (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, kind TEXT NOT NULL, unit TEXT NOT NULL, temporality TEXT NOT NULL,
  monotonic INTEGER NOT NULL, description TEXT NOT NULL, last_seen REAL NOT NULL,
  UNIQUE (name, kind, unit, temporality, monotonic)
);
CREATE TABLE series (
  id INTEGER PRIMARY KEY AUTOINCREMENT, metric INTEGER NOT NULL, resource INTEGER NOT NULL, scope TEXT NOT NULL,
  attributes TEXT NOT NULL, UNIQUE (metric, resource, scope, attributes)
);
CREATE TABLE chunk (
  id INTEGER PRIMARY KEY AUTOINCREMENT, series INTEGER NOT NULL, t0 REAL NOT NULL, t1 REAL NOT NULL, n INTEGER NOT NULL,
  times INTEGER, data BLOB NOT NULL
);
${SERIES_BY_RESOURCE};
CREATE INDEX chunk_times ON chunk (times) WHERE times IS NOT NULL;
CREATE TABLE times (id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL);
CREATE INDEX chunk_series ON chunk (series, t1, t0, n);
CREATE INDEX chunk_age ON chunk (t1);
CREATE TABLE run (
  id TEXT PRIMARY KEY, project TEXT NOT NULL, started REAL NOT NULL, updated REAL NOT NULL,
  status TEXT NOT NULL, state TEXT NOT NULL
);
CREATE INDEX run_age ON run (updated);
CREATE TABLE step_series (
  id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, rank INTEGER NOT NULL, key TEXT NOT NULL, UNIQUE (run, rank, key)
);
CREATE TABLE step_chunk (
  id INTEGER PRIMARY KEY AUTOINCREMENT, series INTEGER NOT NULL, n INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE INDEX step_chunk_series ON step_chunk (series, id, n);
${RUN_HISTOGRAM};
CREATE TABLE trace (
  id TEXT PRIMARY KEY, start REAL NOT NULL, end REAL NOT NULL, root_start REAL NOT NULL, root_name TEXT NOT NULL,
  service TEXT NOT NULL, has_root INTEGER NOT NULL, spans INTEGER NOT NULL, errors INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX trace_age ON trace (start);
CREATE INDEX trace_end ON trace (end);
CREATE TABLE span (
  trace TEXT NOT NULL, id TEXT NOT NULL, parent TEXT NOT NULL, name TEXT NOT NULL, kind INTEGER NOT NULL,
  start REAL NOT NULL, duration REAL NOT NULL, status INTEGER NOT NULL, service TEXT NOT NULL,
  resource INTEGER NOT NULL, scope TEXT NOT NULL, attributes TEXT NOT NULL, more TEXT NOT NULL,
  UNIQUE (trace, id)
);
CREATE TABLE event (
  sequence INTEGER NOT NULL, item INTEGER NOT NULL, time REAL NOT NULL, name TEXT NOT NULL, severity INTEGER NOT NULL,
  severity_text TEXT NOT NULL, body TEXT NOT NULL, attributes TEXT NOT NULL, trace TEXT NOT NULL, span TEXT NOT NULL,
  resource INTEGER NOT NULL, PRIMARY KEY (sequence, item)
) WITHOUT ROWID;
CREATE INDEX event_age ON event (time);
CREATE INDEX event_name ON event (name, time);
`;

/** What brings a database of version i + 1 to i + 2; each runs in one transaction. Append only. */
const MIGRATIONS: readonly string[] = [
  // Since when a resource is known, for its counters' first points.
  SERIES_BY_RESOURCE,
  RUN_HISTOGRAM,
];

/** A larger file is not read through at every start: damage shows when it is read. */
const CHECKED_BYTES = 256 * 1024 * 1024;

const VERSION = 1 + MIGRATIONS.length;
/** "llmo": marks the file as ours, so that another program's database is never written to. */
const APPLICATION_ID = 0x6c6c6d6f;

/**
 * Opens or creates the database for writing. Throws StoreOpenError when the file is damaged, foreign or newer
 * than this program; an existing file is never replaced.
 */
export function openDatabase(file: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: 5000 });
    prepare(database, file);
    return database;
  } catch (error) {
    database?.close();
    if (error instanceof StoreOpenError) throw error;
    throw new StoreOpenError(
      `The hub's database ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}. ` +
        'It was left as it is. Restore it from a backup, or move it away to begin with an empty store.',
      { cause: error },
    );
  }
}

function prepare(database: DatabaseSync, file: string): void {
  const version = pragma(database, 'user_version');
  const application = pragma(database, 'application_id');
  const tables = database.prepare('SELECT count(*) AS n FROM sqlite_schema').get() as { n: number };
  if (version === 0 && application === 0 && tables.n === 0) {
    // Must come before the first table; lets the file shrink when data are dropped.
    database.exec('PRAGMA page_size = 2048; PRAGMA auto_vacuum = INCREMENTAL');
    tune(database);
    database.exec(
      `BEGIN IMMEDIATE; ${TABLES} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${VERSION}; COMMIT`,
    );
    return;
  }
  if (application !== APPLICATION_ID) {
    throw new StoreOpenError(
      `${file} is a SQLite database, but not one of llm-otel. Choose another data directory (hub.data_dir).`,
    );
  }
  if (version > VERSION) {
    throw new StoreOpenError(
      `${file} has schema version ${version}; this program knows up to ${VERSION}. Use the llm-otel version ` +
        'that wrote it, or another data directory.',
    );
  }
  tune(database);
  for (let from = version; from < VERSION; from++) {
    database.exec(`BEGIN IMMEDIATE; ${MIGRATIONS[from - 1]!}; PRAGMA user_version = ${from + 1}; COMMIT`);
  }
  if (statSync(file).size > CHECKED_BYTES) return;
  const check = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
  if (check.quick_check !== 'ok') throw new Error(check.quick_check);
}

/**
 * NORMAL: a commit does not wait for the disk. The journal does that before anything is acknowledged, and is kept
 * until the write-ahead log of the database is on disk. Checkpoints are the read worker's: in a commit they would
 * hold up every request; the limit here is for the case that they do not come.
 */
function tune(database: DatabaseSync): void {
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 32000; PRAGMA journal_size_limit = 67108864',
  );
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}
