import type { RunSummary } from '../../../conventions/index.ts';
import { readRun } from '../runs/run-state.ts';
import { runStatus, runSummary } from '../runs/run-status.ts';
import type { RunsAnswer, RunsQuestion } from './protocol.ts';
import type { ReadDatabase } from './sql.ts';

/** A page of runs, newest start first; live ones by id, for the writer to fill in. */
export function readRuns(db: ReadDatabase, ask: RunsQuestion): RunsAnswer {
  const live = new Map(ask.live.map((run) => [run.id, run]));
  const found: { id: string; startedAt: number; live: boolean }[] = [];
  for (const run of ask.live)
    if (run.matches) found.push({ id: run.id, startedAt: run.startedAt, live: true });
  const rows = db.all<{ id: string; started: number; status: string }>(
    // Node 22 does not take numbered parameters (?1), so that the same value is given twice.
    'SELECT id, started, status FROM run WHERE ? IS NULL OR project = ?',
    ask.project ?? null,
    ask.project ?? null,
  );
  for (const { id, started, status } of rows) {
    if (live.has(id)) continue;
    if (ask.status !== undefined && (status === '' ? openStatus(db, id, ask) : status) !== ask.status)
      continue;
    found.push({ id, startedAt: started, live: false });
  }
  found.sort((a, b) => b.startedAt - a.startedAt || (a.id < b.id ? -1 : 1));
  return {
    total: found.length,
    runs: found.slice(0, ask.limit).map((run) => (run.live ? run.id : summaryOf(db, run.id, ask))),
  };
}

export function readRunState(db: ReadDatabase, id: string): string | undefined {
  return db.one<{ state: string }>('SELECT state FROM run WHERE id = ?', id)?.state;
}

/** Status of a run without an end, which depends on the clock. */
function openStatus(db: ReadDatabase, id: string, ask: RunsQuestion): string {
  return runStatus(readRun(readRunState(db, id)!), ask).status;
}

function summaryOf(db: ReadDatabase, id: string, ask: RunsQuestion): RunSummary {
  return runSummary(readRun(readRunState(db, id)!), ask);
}
