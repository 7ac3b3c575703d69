import { readColumn, writeColumn } from './columns.ts';
import { ChunkReader, ChunkWriter } from './compression.ts';

/** Points of one step series in order of arrival. A point without a step number has NaN there. */
export interface StepColumns {
  step: Float64Array;
  time: Float64Array;
  value: Float64Array;
}

const writer = new ChunkWriter();

export function encodeStepChunk({ step, time, value }: StepColumns): Buffer {
  writer.begin();
  writeColumn(writer, step);
  writeColumn(writer, time);
  writeColumn(writer, value);
  return writer.end();
}

/** Decodes into `into` from `offset` on, so that many chunks land in one array without a copy. */
export function decodeStepChunk(packed: Uint8Array, count: number, into: StepColumns, offset: number): void {
  const reader = new ChunkReader(packed);
  readColumn(reader, count, into.step, offset);
  readColumn(reader, count, into.time, offset);
  readColumn(reader, count, into.value, offset);
}
