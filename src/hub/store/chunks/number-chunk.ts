import { ByteReader, ByteWriter } from './bytes.ts';
import { readColumn, writeColumn } from './columns.ts';
import { pack, unpack } from './compression.ts';

/** Points of one number series, ascending in time. Times in ms since the epoch; start 0 = unknown. */
export interface NumberColumns {
  time: Float64Array;
  start: Float64Array;
  value: Float64Array;
}

/** Start times: a column, or "the time of the point before" (delta temporality) after a first one. */
const START_COLUMN = 0;
const START_PREVIOUS = 1;

const writer = new ByteWriter();

export function encodeNumberChunk({ time, start, value }: NumberColumns): Buffer {
  writer.reset();
  writeColumn(writer, time);
  if (time.length > 1 && startsWherePreviousEnds(time, start)) {
    writer.byte(START_PREVIOUS);
    writer.double(start[0]!);
  } else {
    writer.byte(START_COLUMN);
    writeColumn(writer, start);
  }
  writeColumn(writer, value);
  return pack(writer.done());
}

export function decodeNumberChunk(packed: Uint8Array, count: number): NumberColumns {
  const reader = new ByteReader(unpack(packed));
  const time = readColumn(reader, count);
  let start: Float64Array;
  if (reader.byte() === START_PREVIOUS) {
    start = new Float64Array(count);
    start[0] = reader.double();
    start.set(time.subarray(0, count - 1), 1);
  } else {
    start = readColumn(reader, count);
  }
  return { time, start, value: readColumn(reader, count) };
}

function startsWherePreviousEnds(time: Float64Array, start: Float64Array): boolean {
  for (let i = 1; i < time.length; i++) if (start[i] !== time[i - 1]) return false;
  return true;
}
