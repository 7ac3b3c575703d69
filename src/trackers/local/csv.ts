import type { RunEndStatus } from '../../conventions/index.ts';
import type { RunSink, SinkArtifact, SinkMap, SinkRecord, SinkRun, SinkValue } from '../sink.ts';
import { exactJson } from './exact-json.ts';
import { artifactRow, endRows, type LongRow, recordRows, runRows } from './long-rows.ts';
import { type Output, TextOutput } from './text-output.ts';

const COLUMNS = ['run', 'rank', 'seq', 'time', 'kind', 'step', 'epoch', 'key', 'value'] as const;
export const CSV_HEADER = `${COLUMNS.join(',')}\r\n`;

/**
 * A run in long form, one value a row: `run,rank,seq,time,kind,step,epoch,key,value`. `time` is ISO 8601; `kind` is
 * `value` for what a step recorded, else `param`, `tag`, `note`, `artifact`, `end`. NaN and infinities are written
 * `NaN`, `Infinity`, `-Infinity`. Quoting as in RFC 4180.
 *
 * Spreadsheets take a text that begins with `=`, `+`, `-` or `@` for a formula and run it (OWASP: CSV injection):
 * such texts, and those that begin with a tab or a carriage return, get an apostrophe in front. Numbers do not.
 */
export class CsvRows {
  readonly #begin: string;

  constructor(run: SinkRun) {
    this.#begin = `${csvCell(run.id)},${run.rank},`;
  }

  run = (run: SinkRun): string => this.#text(runRows(run));
  record = (record: SinkRecord): string => this.#text(recordRows(record));
  artifact = (artifact: SinkArtifact): string => this.#text(artifactRow(artifact));
  end = (status: RunEndStatus, summary: SinkMap, endedAt: number | undefined): string =>
    this.#text(endRows(status, summary, endedAt));

  #text(rows: readonly LongRow[]): string {
    let text = '';
    let time: number | undefined;
    let timeCell = '';
    for (const row of rows) {
      if (row.time !== time) {
        time = row.time;
        timeCell = timeText(time);
      }
      text += `${this.#begin}${row.seq ?? ''},${timeCell},${row.kind},${row.step ?? ''},${row.epoch ?? ''},${csvCell(row.key)},${csvCell(row.value)}\r\n`;
    }
    return text;
  }
}

/** Writes a run's `CsvRows` into a new file or a stream. */
export class CsvSink implements RunSink {
  readonly name = 'csv';
  readonly #target: Output;
  readonly #header: boolean;
  #output: TextOutput | undefined;
  #rows: CsvRows | undefined;

  /** `header` false: no first line with the columns' names (several runs into one output). */
  constructor(target: Output, options: { header?: boolean } = {}) {
    this.#target = target;
    this.#header = options.header ?? true;
  }

  async open(run: SinkRun): Promise<void> {
    this.#output = await TextOutput.open(this.#target);
    this.#rows = new CsvRows(run);
    await this.#output.write(`${this.#header ? CSV_HEADER : ''}${this.#rows.run(run)}`);
  }

  async write(batch: readonly SinkRecord[]): Promise<void> {
    const rows = this.#rows;
    if (rows) await this.#output?.write(batch.map((record) => rows.record(record)).join(''));
  }

  async artifact(artifact: SinkArtifact): Promise<void> {
    await this.#output?.write(this.#rows?.artifact(artifact) ?? '');
  }

  async close(
    status: RunEndStatus | undefined,
    summary: SinkMap,
    _signal?: AbortSignal,
    endedAt?: number,
  ): Promise<void> {
    if (status !== undefined) await this.#output?.write(this.#rows?.end(status, summary, endedAt) ?? '');
    await this.#output?.close();
  }
}

function timeText(time: number | undefined): string {
  return time === undefined || Number.isNaN(new Date(time).getTime()) ? '' : new Date(time).toISOString();
}

/** One cell: numbers as they are, text quoted where it must be and never a formula, anything else as JSON. */
export function csvCell(value: SinkValue): string {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value === 'boolean') return String(value);
  if (value === null) return '';
  let text = typeof value === 'string' ? value : exactJson(value);
  if (/^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
