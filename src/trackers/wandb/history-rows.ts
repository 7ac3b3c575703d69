import type { HistogramRecord, SinkMap, SinkRecord } from '../sink.ts';
import { histogramColumns } from './histogram-columns.ts';
import { parseWandbJson, wandbJson, wandbNumbers } from './wandb-json.ts';

type StepRecord = Extract<SinkRecord, { kind: 'step' }>;

/** One row of a run's history. */
export interface HistoryRow {
  /** `_step`: greater than that of the row before. */
  readonly step: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** By key, without W&B's own `_step`, `_timestamp` and `_runtime`. */
  readonly values: Readonly<Record<string, number>>;
  /** What is no number: histograms, by key. */
  readonly media?: SinkMap;
}

/** What to remember of the history between calls; plain JSON. */
export type HistoryState = {
  /** `_step` of the newest row that was given out; -1 for none. */
  readonly last: number;
  /** A row that may still get values: its `_step`, the program's own step, its time and its values as W&B's JSON. */
  readonly open: {
    readonly step: number;
    readonly own: number;
    readonly time: number;
    readonly values: string;
    /** Absent in what an older version remembered. */
    readonly media?: string;
  } | null;
  /** Steps went back once: from there on rows carry the program's own step too. */
  readonly shifted: boolean;
};

export const NO_HISTORY: HistoryState = { last: -1, open: null, shifted: false };

/** Column of the program's own step once `_step` cannot follow it. */
export const OWN_STEP = 'train/global_step';

/**
 * Makes rows of step records. W&B wants one row a step with `_step` rising:
 * - Records of the same step that follow each other become one row (as several `wandb.log` of a step do), so the
 *   newest row is held back until another step comes, or `flush`.
 * - A step that went back (a run that goes on from a checkpoint) becomes the next free one, as `wandb sync` does it;
 *   from there on the program's own step stands in a column beside.
 *
 * The same records always give the same rows, however they are cut into calls.
 */
export class HistoryRows {
  #last: number;
  #open: OpenRow | undefined;
  #shifted: boolean;

  constructor(state: HistoryState = NO_HISTORY) {
    this.#last = state.last;
    this.#shifted = state.shifted;
    this.#open = state.open
      ? {
          ...state.open,
          values: parseWandbJson(state.open.values) as Record<string, number>,
          media: parseWandbJson(state.open.media ?? '{}') as SinkMap,
        }
      : undefined;
  }

  get shifted(): boolean {
    return this.#shifted;
  }

  /** The row that is complete by this, if one is. */
  add(record: StepRecord | HistogramRecord): HistoryRow | undefined {
    const { values, media } = columnsOf(record);
    const open = this.#open;
    if (open && open.own === record.step) {
      Object.assign(open.values, values);
      open.media = { ...open.media, ...media };
      open.time = record.time;
      return undefined;
    }
    const done = this.flush();
    // fractions, and what no double counts exactly, are no steps
    const own = Number.isSafeInteger(record.step) ? record.step : this.#last + 1;
    if (own <= this.#last) this.#shifted = true;
    const step = Math.max(own, this.#last + 1);
    if (this.#shifted) values[OWN_STEP] ??= record.step;
    this.#open = { step, own: record.step, time: record.time, values, media };
    return done;
  }

  /** Gives out the row that is held back. */
  flush(): HistoryRow | undefined {
    const open = this.#open;
    if (!open) return undefined;
    this.#open = undefined;
    this.#last = open.step;
    const { step, time, values, media } = open;
    return { step, time, values, ...(Object.keys(media).length === 0 ? {} : { media }) };
  }

  state(): HistoryState {
    const open = this.#open;
    return {
      last: this.#last,
      shifted: this.#shifted,
      open: open
        ? {
            step: open.step,
            own: open.own,
            time: open.time,
            values: wandbJson(open.values),
            ...(Object.keys(open.media).length === 0 ? {} : { media: wandbJson(open.media) }),
          }
        : null,
    };
  }
}

interface OpenRow {
  readonly step: number;
  readonly own: number;
  time: number;
  readonly values: Record<string, number>;
  media: SinkMap;
}

function columnsOf(record: StepRecord | HistogramRecord): { values: Record<string, number>; media: SinkMap } {
  const columns =
    record.kind === 'histogram' ? histogramColumns(record) : { values: { ...record.values }, media: {} };
  if (record.epoch !== undefined) columns.values['train/epoch'] ??= record.epoch;
  return columns;
}

/** W&B's own columns beside a row's values: seconds. */
export function rowColumns(
  row: HistoryRow,
  startedAt: number,
): Record<'_step' | '_timestamp' | '_runtime', number> {
  return { _step: row.step, _timestamp: row.time / 1000, _runtime: Math.max(0, row.time - startedAt) / 1000 };
}

/** A line of `wandb-history.jsonl`. */
export function historyLine(row: HistoryRow, startedAt: number): string {
  const texts = wandbNumbers(Object.values(row.values));
  let line = '';
  let index = 0;
  for (const key in row.values) line += `${JSON.stringify(key)}:${texts[index++]},`;
  for (const [key, value] of Object.entries(row.media ?? {}))
    line += `${JSON.stringify(key)}:${wandbJson(value)},`;
  const { _step, _timestamp, _runtime } = rowColumns(row, startedAt);
  return `{${line}"_step":${_step},"_timestamp":${_timestamp},"_runtime":${_runtime}}`;
}
