import { ATTR, type RunDetail } from '../../conventions/index.ts';
import type { MetricQuery } from '../store/store.ts';
import type { Reading } from './reading.ts';

/** The metrics of a run alone: what carries its id, and what is known of its processes. */
export function metricsOfRun(
  reading: Reading,
  { id, processes }: Pick<RunDetail, 'id' | 'processes'>,
): Reading {
  const anyOf = { ...processes, [ATTR.runId]: [id] };
  const ofRun = <Query extends MetricQuery>(query: Query): Query => ({ ...query, anyOf });
  return {
    ...reading,
    points: (query) => reading.points(ofRun(query)),
    histograms: (query) => reading.histograms(ofRun(query)),
  };
}
