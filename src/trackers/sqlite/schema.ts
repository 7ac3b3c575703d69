/**
 * A run's SQLite file. `points` has one row a value: `value` is NULL for NaN and 0 for -0, which SQLite cannot hold,
 * and `exact` then has the number's text; it is NULL otherwise. The view `history` joins the keys' names, and gives
 * `text` for every value. `histograms` has `edges` and `counts` as JSON lists. Times are milliseconds since the epoch; parameters, tags and the like are JSON.
 */
export const SQLITE_SCHEMA = `
CREATE TABLE IF NOT EXISTS runs (
  rank INTEGER PRIMARY KEY,
  id TEXT NOT NULL, name TEXT NOT NULL, project TEXT NOT NULL, "group" TEXT,
  world_size INTEGER NOT NULL, attempt INTEGER NOT NULL,
  started_at REAL NOT NULL, ended_at REAL, status TEXT NOT NULL,
  source TEXT NOT NULL, summary TEXT NOT NULL,
  seq INTEGER NOT NULL -- of the newest record in this file
);
CREATE TABLE IF NOT EXISTS params (rank INTEGER NOT NULL, key TEXT NOT NULL, value TEXT, PRIMARY KEY (rank, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tags (rank INTEGER NOT NULL, key TEXT NOT NULL, value TEXT, PRIMARY KEY (rank, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keys (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS points (
  key INTEGER NOT NULL REFERENCES keys (id), rank INTEGER NOT NULL, seq INTEGER NOT NULL,
  step INTEGER NOT NULL, time REAL NOT NULL, epoch REAL, value REAL, exact TEXT
);
CREATE TABLE IF NOT EXISTS system_points (
  key INTEGER NOT NULL REFERENCES keys (id), rank INTEGER NOT NULL, sample INTEGER NOT NULL, time REAL NOT NULL,
  value REAL, exact TEXT
);
CREATE TABLE IF NOT EXISTS histograms (
  rank INTEGER NOT NULL, seq INTEGER NOT NULL, step INTEGER NOT NULL, time REAL NOT NULL, epoch REAL, name TEXT NOT NULL,
  edges TEXT NOT NULL, counts TEXT NOT NULL, min REAL, max REAL, sum REAL,
  nan INTEGER NOT NULL, positive_infinity INTEGER NOT NULL, negative_infinity INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS notes (rank INTEGER NOT NULL, seq INTEGER NOT NULL, time REAL NOT NULL, severity TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS console (rank INTEGER NOT NULL, time REAL NOT NULL, stream TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS artifacts (
  rank INTEGER NOT NULL, seq INTEGER NOT NULL, time REAL NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
  path TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, metadata TEXT NOT NULL
);
CREATE VIEW IF NOT EXISTS history AS
  SELECT keys.key, rank, seq, step, time, epoch, value, coalesce(exact, CAST(value AS TEXT)) AS text
  FROM points JOIN keys ON keys.id = points.key;
`;

/** Made when a file is complete, or before a file that grows has rows: an index that grows with random rows is slow. */
export const SQLITE_INDEX = 'CREATE INDEX IF NOT EXISTS points_by_key ON points (key, rank, step);';

/** What is written at the head of the file: the format's number, for readers. */
export const SQLITE_VERSION = 1;
