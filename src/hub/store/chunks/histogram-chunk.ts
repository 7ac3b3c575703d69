import { readColumn, writeColumn } from './columns.ts';
import { ChunkReader, ChunkWriter } from './compression.ts';

/**
 * A histogram point as it is kept. `layout` are the upper bounds of an explicit histogram, or, for an
 * exponential one, `[scale, zeroThreshold, negative offset, negative length, positive offset, positive length]`
 * with the counts in ascending order of value: negative buckets reversed, zero, positive.
 */
export interface HistogramRow {
  time: number;
  start: number;
  count: number;
  sum: number | undefined;
  min: number | undefined;
  max: number | undefined;
  layout: readonly number[];
  counts: readonly number[];
}

const chunk = new ChunkWriter();

/**
 * Columns of the fields; layouts once each (they hardly ever change); counts as a column of differences to the
 * point before with the same layout, bucket by bucket: cumulative counts are then mostly zeros.
 */
export function encodeHistogramChunk(rows: readonly HistogramRow[]): Buffer {
  chunk.begin();
  const writer = chunk.regular;
  writeColumn(
    chunk,
    Float64Array.from(rows, (row) => row.time),
  );
  writeColumn(
    chunk,
    Float64Array.from(rows, (row) => row.start),
  );
  writeColumn(
    chunk,
    Float64Array.from(rows, (row) => row.count),
  );
  for (const row of rows) writer.byte(presence(row));
  writeColumn(
    chunk,
    Float64Array.from(rows, (row) => row.sum ?? 0),
  );
  writeColumn(
    chunk,
    Float64Array.from(rows, (row) => row.min ?? 0),
  );
  writeColumn(
    chunk,
    Float64Array.from(rows, (row) => row.max ?? 0),
  );
  const layouts: HistogramRow[] = [];
  const layoutOf = new Map<string, number>();
  const differences: number[] = [];
  const previous: (readonly number[])[] = [];
  const indexes: number[] = [];
  let last: { row: HistogramRow; index: number } | undefined;
  for (const row of rows) {
    const index =
      last !== undefined && last.row.layout === row.layout && last.row.counts.length === row.counts.length
        ? last.index
        : layoutIndex(row, layouts, layoutOf);
    last = { row, index };
    indexes.push(index);
    const before = previous[index];
    for (let i = 0; i < row.counts.length; i++) differences.push(row.counts[i]! - (before?.[i] ?? 0));
    previous[index] = row.counts;
  }
  writer.varint(layouts.length);
  for (const { layout, counts } of layouts) {
    writer.varint(layout.length);
    writer.varint(counts.length);
    for (const bound of layout) writer.double(bound);
  }
  for (const index of indexes) writer.varint(index);
  writer.varint(differences.length);
  writeColumn(chunk, Float64Array.from(differences));
  return chunk.end();
}

/** What can be told of the rows of a chunk before they are made; see `decodeHistogramChunk`. */
export interface HistogramOutline {
  readonly time: Float64Array;
  readonly start: Float64Array;
  readonly count: Float64Array;
  /** 1 where a bucket holds less than in the row before, of the same layout. */
  readonly fell: Uint8Array;
}

/**
 * @param choose says which rows are wanted (a flag for each): a row costs as much as its buckets, and a reader of
 *   a week wants one in a hundred. All when absent.
 */
export function decodeHistogramChunk(
  packed: Uint8Array,
  rows: number,
  choose?: (outline: HistogramOutline) => Uint8Array,
): HistogramRow[] {
  const chunk = new ChunkReader(packed);
  const reader = chunk.regular;
  const time = readColumn(chunk, rows);
  const start = readColumn(chunk, rows);
  const count = readColumn(chunk, rows);
  const present = new Uint8Array(rows);
  for (let i = 0; i < rows; i++) present[i] = reader.byte();
  const sum = readColumn(chunk, rows);
  const min = readColumn(chunk, rows);
  const max = readColumn(chunk, rows);
  const layouts = Array.from({ length: reader.varint() }, () => {
    const bounds = reader.varint();
    const counts = reader.varint();
    return {
      layout: Array.from({ length: bounds }, () => reader.double()),
      running: new Float64Array(counts),
    };
  });
  const indexes = new Uint32Array(rows);
  for (let i = 0; i < rows; i++) {
    indexes[i] = reader.varint();
    if (indexes[i]! >= layouts.length) throw new Error('Damaged chunk: unknown histogram layout.');
  }
  const differences = readColumn(chunk, reader.varint());
  const wanted =
    choose?.({ time, start, count, fell: fallen(layouts, indexes, differences) }) ??
    new Uint8Array(rows).fill(1);
  const made: HistogramRow[] = [];
  let at = 0;
  for (let i = 0; i < rows; i++) {
    const { layout, running } = layouts[indexes[i]!]!;
    for (let k = 0; k < running.length; k++) running[k] = differences[at + k]! + running[k]!;
    at += running.length;
    if (wanted[i] === 0) continue;
    const has = present[i]!;
    made.push({
      time: time[i]!,
      start: start[i]!,
      count: count[i]!,
      sum: has & 1 ? sum[i] : undefined,
      min: has & 2 ? min[i] : undefined,
      max: has & 4 ? max[i] : undefined,
      layout,
      counts: Array.from(running),
    });
  }
  return made;
}

function fallen(
  layouts: readonly { running: Float64Array }[],
  indexes: Uint32Array,
  differences: Float64Array,
): Uint8Array {
  const fell = new Uint8Array(indexes.length);
  for (let i = 0, at = 0; i < indexes.length; i++) {
    const end = at + layouts[indexes[i]!]!.running.length;
    const comparable = i > 0 && indexes[i] === indexes[i - 1];
    for (; at < end; at++) if (comparable && differences[at]! < 0) fell[i] = 1;
  }
  return fell;
}

function presence(row: HistogramRow): number {
  return (row.sum === undefined ? 0 : 1) | (row.min === undefined ? 0 : 2) | (row.max === undefined ? 0 : 4);
}

function layoutIndex(row: HistogramRow, layouts: HistogramRow[], known: Map<string, number>): number {
  const key = `${row.layout.join(',')};${row.counts.length}`;
  let index = known.get(key);
  if (index === undefined) {
    index = layouts.length;
    known.set(key, index);
    layouts.push(row);
  }
  return index;
}
