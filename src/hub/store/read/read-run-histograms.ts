import type { RunHistogram } from '../../../conventions/index.ts';
import { readHistogram } from '../../../trackers/histogram.ts';
import type { RunHistogramQuery } from '../store.ts';
import type { ReadDatabase } from './sql.ts';

interface Row {
  id: number;
  rank: number;
  name: string;
  step: number | null;
  epoch: number | null;
  time: number;
  body: string;
}

/** Histograms of a run by their place; one whose row is damaged is left out. */
export function readRunHistograms(db: ReadDatabase, query: RunHistogramQuery): RunHistogram[] {
  const { run, rank = null, name = null, after, limit } = query;
  const rows = db.all<Row>(
    // Node 22 does not take numbered parameters (?1), so that the same value is given twice.
    'SELECT id, rank, name, step, epoch, time, body FROM run_histogram WHERE run = ? AND id > ? ' +
      'AND (? IS NULL OR rank = ?) AND (? IS NULL OR name = ?) ORDER BY id LIMIT ?',
    run,
    after,
    rank,
    rank,
    name,
    name,
    limit,
  );
  return rows.flatMap(({ body, ...place }) => {
    const histogram = readHistogram(JSON.parse(body));
    if (!histogram) return [];
    const { edges, counts, min = null, max = null, sum = null, ...notFinite } = histogram;
    return [{ ...place, edges: [...edges], counts: [...counts], min, max, sum, ...notFinite }];
  });
}
