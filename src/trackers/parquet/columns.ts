import type { SchemaElement } from 'hyparquet-writer';
import { exactJson } from '../local/exact-json.ts';
import type { LongRow } from '../local/long-rows.ts';

const text = { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } } as const;
const integer = { type: 'INT64' } as const;
const double = { type: 'DOUBLE' } as const;

/**
 * The columns of a run in long form, as in CSV, but numbers apart from texts: `value` is exact (a double: NaN,
 * infinities and -0 too), `text` has what is no number. `time` is UTC, in microseconds.
 */
const COLUMNS = {
  run: { ...text, required: true },
  rank: { ...integer, required: true },
  seq: { ...integer, required: false },
  time: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MICROS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
    required: false,
  },
  kind: { ...text, required: true },
  step: { ...integer, required: false },
  epoch: { ...double, required: false },
  key: { ...text, required: true },
  value: { ...double, required: false },
  text: { ...text, required: false },
} as const;
type Column = keyof typeof COLUMNS;

export const PARQUET_SCHEMA: SchemaElement[] = [
  { name: 'root', num_children: Object.keys(COLUMNS).length },
  ...Object.entries(COLUMNS).map(([name, { required, ...element }]) => ({
    name,
    repetition_type: required ? ('REQUIRED' as const) : ('OPTIONAL' as const),
    ...element,
  })),
];

type Cell = string | number | bigint | null;

/** Rows on their way into a row group, by column. */
export class ParquetRows {
  #columns = emptyColumns();
  length = 0;

  add(run: string, rank: bigint, { seq, time, kind, step, epoch, key, value }: LongRow): void {
    const columns = this.#columns;
    columns.run.push(run);
    columns.rank.push(rank);
    columns.seq.push(seq === undefined ? null : BigInt(seq));
    columns.time.push(time === undefined || !Number.isFinite(time) ? null : BigInt(Math.round(time * 1000)));
    columns.kind.push(kind);
    columns.step.push(step === undefined || !Number.isFinite(step) ? null : BigInt(Math.trunc(step)));
    columns.epoch.push(epoch ?? null);
    columns.key.push(key);
    columns.value.push(typeof value === 'number' ? value : null);
    columns.text.push(
      typeof value === 'number' ? null : typeof value === 'string' ? value : exactJson(value),
    );
    this.length++;
  }

  /** The columns so far; they begin anew. */
  take(): { name: string; data: Cell[]; encoding?: 'PLAIN'; statistics?: false }[] {
    const columns = this.#columns;
    this.#columns = emptyColumns();
    this.length = 0;
    return Object.entries(columns).map(([name, data]) => ({
      name,
      data,
      // a dictionary is a Map, in which 0 and -0 are one; and a range with NaN in it is none
      ...(name === 'value' || name === 'epoch'
        ? { encoding: 'PLAIN' as const, statistics: false as const }
        : {}),
    }));
  }
}

function emptyColumns(): Record<Column, Cell[]> {
  return {
    run: [],
    rank: [],
    seq: [],
    time: [],
    kind: [],
    step: [],
    epoch: [],
    key: [],
    value: [],
    text: [],
  };
}
