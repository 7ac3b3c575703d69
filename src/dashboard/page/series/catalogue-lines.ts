import type { CatalogueEntry } from '../../../conventions/catalogue.ts';
import type { MetricAggregation, MetricQueryResponse } from '../../../conventions/hub-api.ts';
import type { Line } from './columns.ts';
import { divideLines, exportInterval, type JoinRule, joinSeries, statisticLine } from './metric-lines.ts';

/** One read of `/api/metrics/query`. */
export interface MetricRead {
  name: string;
  agg: MetricAggregation;
  where: Readonly<Record<string, string>>;
  /** Of a rate: series are joined by this attribute; all are in one when absent. */
  by?: string;
  /** Only what is of this run. */
  run?: string | undefined;
}

const QUANTILES: readonly (readonly [q: number, agg: MetricAggregation])[] = [
  [0.5, 'p50'],
  [0.9, 'p90'],
  [0.95, 'p95'],
  [0.99, 'p99'],
];

/** The reads that an entry's line over time needs: one, for a ratio two; none for a column of a run. */
export function readsOf({ source }: CatalogueEntry): MetricRead[] {
  switch (source.from) {
    case 'run':
      return [];
    case 'value':
    case 'rate':
    case 'mean':
      return [{ name: source.metric, agg: source.from, where: source.where ?? {} }];
    case 'quantile': {
      const agg = QUANTILES.find(([q]) => q === source.q)?.[1] ?? 'p95';
      return [{ name: source.metric, agg, where: source.where ?? {} }];
    }
    case 'ratio':
      return [
        { name: source.metric, agg: 'increase', where: source.where },
        { name: source.of, agg: 'increase', where: source.ofWhere ?? {} },
      ];
    default:
      return [];
  }
}

/** Silence of an instrument after which its line breaks: three exports, at least 15 s. */
export const staleAfterOf = (interval: number): number => Math.max(15_000, interval * 3.5);

/** The line over time of a catalogue entry from the answers to its reads. `from`/`to` of the answers set the grid. */
export function lineOfEntry({ source }: CatalogueEntry, answers: readonly MetricQueryResponse[]): Line {
  const [first, second] = answers;
  if (first === undefined) return { x: [], y: [] };
  const all = answers.flatMap((answer) => answer.series);
  const interval = exportInterval(all, 10_000);
  const cell = gridCell(first, interval);
  const stale = staleAfterOf(Math.max(interval, cell));
  const line = (answer: MetricQueryResponse, rule: JoinRule, convert?: (value: number) => number): Line =>
    joinSeries(answer.series, rule, cell, stale, convert);
  if (source.from === 'run') return { x: [], y: [] };
  if (source.from === 'ratio') {
    if (second === undefined) return { x: [], y: [] };
    return divideLines(statisticLine(first.series, stale), statisticLine(second.series, stale));
  }
  const scale = source.scale ?? 1;
  if (source.from === 'value') {
    const invert = source.invert === true;
    return line(first, source.join ?? 'mean', (value) => (invert ? 1 - value : value) * scale);
  }
  return statisticLine(first.series, stale, (value) => value * scale);
}

/** Cell of the common grid: one export interval, or what 400 cells over the window need, whichever is longer. */
export function gridCell(answer: Pick<MetricQueryResponse, 'from' | 'to'>, interval: number): number {
  return Math.max(interval, (answer.to - answer.from) / 400, 500);
}
