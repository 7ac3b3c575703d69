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

export function decodeHistogramChunk(packed: Uint8Array, rows: number): HistogramRow[] {
  const chunk = new ChunkReader(packed);
  const reader = chunk.regular;
  const time = readColumn(chunk, rows);
  const start = readColumn(chunk, rows);
  const count = readColumn(chunk, rows);
  const present = Array.from({ length: rows }, () => reader.byte());
  const sum = readColumn(chunk, rows);
  const min = readColumn(chunk, rows);
  const max = readColumn(chunk, rows);
  const layouts = Array.from({ length: reader.varint() }, () => {
    const bounds = reader.varint();
    const counts = reader.varint();
    return { layout: Array.from({ length: bounds }, () => reader.double()), counts };
  });
  const indexes = Array.from({ length: rows }, () => reader.varint());
  const differences = readColumn(chunk, reader.varint());
  const previous: number[][] = [];
  let at = 0;
  return indexes.map((index, i) => {
    const shape = layouts[index];
    if (shape === undefined) throw new Error('Damaged chunk: unknown histogram layout.');
    const before = previous[index];
    const counts = Array.from({ length: shape.counts }, (_, k) => differences[at + k]! + (before?.[k] ?? 0));
    at += shape.counts;
    previous[index] = counts;
    const has = present[i]!;
    return {
      time: time[i]!,
      start: start[i]!,
      count: count[i]!,
      sum: has & 1 ? sum[i] : undefined,
      min: has & 2 ? min[i] : undefined,
      max: has & 4 ? max[i] : undefined,
      layout: shape.layout,
      counts,
    };
  });
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
