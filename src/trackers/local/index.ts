import type { RunSink } from '../sink.ts';
import { CsvSink } from './csv.ts';
import { JsonSink } from './json.ts';
import type { Output } from './text-output.ts';

/** File formats in which a run can be written. */
export const LOCAL_FORMATS: Readonly<
  Record<'json' | 'csv', { help: string; open: (output: Output) => RunSink }>
> = {
  json: { help: 'JSON lines, one record a line', open: (output) => new JsonSink(output) },
  csv: { help: 'Long form, one value a row', open: (output) => new CsvSink(output) },
};
export type LocalFormat = keyof typeof LOCAL_FORMATS;

export { CsvSink, JsonSink };
export type { Output };
