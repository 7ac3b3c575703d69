import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MetricsIngest } from './metrics/metrics-ingest.ts';
import type { Resources } from './resources.ts';
import type { Rows } from './rows.ts';
import type { RunsIngest } from './runs/runs-ingest.ts';
import type { Settings } from './settings.ts';

/** Rows dropped, and pages given back, in one turn of the event loop. */
const ROWS_A_TURN = 500;
const PAGES_A_TURN = 1000;
/** By size it is cut down to this share, so that the limit is not met again at once. */
const TARGET = 0.9;
/** Steps in which the cut-off moves forward when the size must come down: shares of the rows of a table. */
const SIZE_STEPS = 20;

export interface RetentionParts {
  rows: Rows;
  metrics: MetricsIngest;
  runs: RunsIngest;
  resources: Resources;
  /** Milliseconds since the epoch. */
  olderThan: number;
  maxBytes: number;
  /** Bytes of the store outside the database. */
  otherBytes: number;
  log: Settings['log'];
}

/** What is older than `?` in each table. A run goes whole, by its newest record. */
const OLD: readonly { table: string; sql: string }[] = [
  {
    table: 'chunks',
    sql: `DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE t1 < ? ORDER BY t1 LIMIT ${ROWS_A_TURN})`,
  },
  {
    table: 'events',
    sql: `DELETE FROM event WHERE (sequence, item) IN (SELECT sequence, item FROM event WHERE time < ? LIMIT ${ROWS_A_TURN})`,
  },
];

/** Drops what is older than `olderThan`, then the oldest until the size fits; then shrinks the file. */
export async function retain(parts: RetentionParts): Promise<void> {
  await dropOlder(parts, parts.olderThan);
  if (usedBytes(parts) > parts.maxBytes) await dropBySize(parts);
  await dropOrphans(parts);
  await shrink(parts.rows);
}

async function dropBySize(parts: RetentionParts): Promise<void> {
  let cutoff = -Infinity;
  while (usedBytes(parts) > parts.maxBytes * TARGET) {
    const next = nextCutoff(parts.rows);
    if (next === undefined || next <= cutoff) break;
    cutoff = next;
    await dropOlder(parts, cutoff);
  }
  if (cutoff === -Infinity) return;
  parts.log(
    'warn',
    `The store was larger than ${parts.maxBytes} bytes: everything before ${new Date(cutoff).toISOString()} was dropped.`,
  );
}

async function dropOlder(parts: RetentionParts, cutoff: number): Promise<void> {
  const { rows } = parts;
  for (const { sql } of OLD) {
    while (rows.transaction(() => Number(rows.sql(sql).run(cutoff).changes)) > 0) await nextTurn();
  }
  while (rows.transaction(() => dropTraces(rows, cutoff)) > 0) await nextTurn();
  for (const { id } of rows.sql('SELECT id FROM run WHERE updated < ?').all(cutoff) as { id: string }[]) {
    const live = parts.runs.live(id);
    // A late record of an old run is not sealed yet: the run goes the next time.
    if (parts.runs.isDirty(id) || (live !== undefined && live.updatedAt >= cutoff)) continue;
    parts.runs.forget(id);
    await dropRun(rows, id);
  }
  parts.metrics.chunksChanged();
}

function dropTraces(rows: Rows, cutoff: number): number {
  const old = rows.sql('SELECT id FROM trace WHERE end < ? LIMIT 100').all(cutoff) as { id: string }[];
  for (const { id } of old) {
    rows.sql('DELETE FROM span WHERE trace = ?').run(id);
    rows.sql('DELETE FROM trace WHERE id = ?').run(id);
  }
  return old.length;
}

async function dropRun(rows: Rows, id: string): Promise<void> {
  const histograms = `DELETE FROM run_histogram WHERE id IN (SELECT id FROM run_histogram WHERE run = ? LIMIT ${ROWS_A_TURN})`;
  while (rows.transaction(() => Number(rows.sql(histograms).run(id).changes)) > 0) await nextTurn();
  const chunks = `DELETE FROM step_chunk WHERE id IN (SELECT c.id FROM step_series s JOIN step_chunk c ON c.series = s.id WHERE s.run = ? LIMIT ${ROWS_A_TURN})`;
  while (rows.transaction(() => Number(rows.sql(chunks).run(id).changes)) > 0) await nextTurn();
  rows.transaction(() => {
    rows.sql('DELETE FROM step_series WHERE run = ?').run(id);
    rows.sql('DELETE FROM run WHERE id = ?').run(id);
  });
}

/** Series without points, metrics without series, resources that nothing names. */
async function dropOrphans({ rows, metrics, resources }: RetentionParts): Promise<void> {
  const kept = metrics.unsealedIds();
  const empty = (
    rows
      .sql('SELECT id FROM series s WHERE NOT EXISTS (SELECT 1 FROM chunk c WHERE c.series = s.id)')
      .all() as {
      id: number;
    }[]
  ).filter(({ id }) => !kept.has(id));
  for (let at = 0; at < empty.length; at += ROWS_A_TURN) {
    const ids = empty.slice(at, at + ROWS_A_TURN).filter(({ id }) => !metrics.unsealedIds().has(id));
    rows.transaction(() => {
      for (const { id } of ids) rows.sql('DELETE FROM series WHERE id = ?').run(id);
    });
    metrics.forget(new Set(ids.map(({ id }) => id)));
    await nextTurn();
  }
  rows.transaction(() => {
    rows.sql('DELETE FROM times WHERE id NOT IN (SELECT times FROM chunk WHERE times IS NOT NULL)').run();
  });
  if (empty.length === 0) return;
  rows.transaction(() => {
    rows
      .sql(
        'DELETE FROM resource WHERE id NOT IN (SELECT resource FROM series) AND id NOT IN (SELECT resource FROM span) ' +
          'AND id NOT IN (SELECT resource FROM event)',
      )
      .run();
  });
  resources.clear();
}

/** Gives free pages back to the file system, a few at a time. */
async function shrink(rows: Rows): Promise<void> {
  rows.commit();
  while (pragma(rows, 'freelist_count') > 0) {
    const before = pragma(rows, 'freelist_count');
    rows.database.exec(`PRAGMA incremental_vacuum(${PAGES_A_TURN})`);
    if (pragma(rows, 'freelist_count') >= before) break;
    await nextTurn();
    rows.commit();
  }
  rows.commit();
}

function usedBytes({ rows, otherBytes }: RetentionParts): number {
  return (
    (pragma(rows, 'page_count') - pragma(rows, 'freelist_count')) * pragma(rows, 'page_size') + otherBytes
  );
}

function pragma(rows: Rows, name: string): number {
  return Number(Object.values(rows.sql(`PRAGMA ${name}`).get() ?? {})[0]);
}

const TIMES: readonly [table: string, column: string][] = [
  ['chunk', 't1'],
  ['trace', 'end'],
  ['event', 'time'],
  ['run', 'updated'],
];

/**
 * A time before which stands about a twentieth of the rows of some table, and not more of any other. By rows, not by
 * time: one point with a clock at 1970 must not make the steps decades long.
 */
function nextCutoff(rows: Rows): number | undefined {
  const times = TIMES.flatMap(([table, column]) => {
    const { n } = rows.sql(`SELECT count(*) AS n FROM ${table}`).get() as { n: number };
    if (n === 0) return [];
    const { time } = rows
      .sql(`SELECT "${column}" AS time FROM ${table} ORDER BY "${column}" LIMIT 1 OFFSET ?`)
      .get(Math.floor(n / SIZE_STEPS)) as { time: number };
    return [time];
  });
  // The row at the cut-off goes too, or a table with one row would stop it all.
  return times.length === 0 ? undefined : Math.min(...times) + 0.001;
}
