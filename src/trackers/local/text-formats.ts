import { CSV_HEADER, CsvRows } from './csv.ts';
import { jsonLines } from './json-lines.ts';
import type { TextFormat } from './text-data.ts';

/** Every segment begins with the run's line: it can be read alone. */
export const JSON_TEXT: TextFormat = {
  extension: 'jsonl',
  head: (run) => jsonLines.run(run),
  body(_run, { records = [], artifact, end }) {
    let text = records.map((record) => jsonLines.record(record)).join('');
    if (artifact) text += jsonLines.artifact(artifact);
    if (end) text += jsonLines.end(end.status, end.summary, end.endedAt);
    return text;
  },
};

/** Every segment begins with the columns' names; the first parameters stand in the first. */
export const CSV_TEXT: TextFormat = {
  extension: 'csv',
  head: (run, first) => `${CSV_HEADER}${first ? new CsvRows(run).run(run) : ''}`,
  body(run, { records = [], artifact, end }) {
    const rows = new CsvRows(run);
    let text = records.map((record) => rows.record(record)).join('');
    if (artifact) text += rows.artifact(artifact);
    if (end) text += rows.end(end.status, end.summary, end.endedAt);
    return text;
  },
};
