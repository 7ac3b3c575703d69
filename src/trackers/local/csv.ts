import type { RunEndStatus } from '../../conventions/index.ts';
import type { RunSink, SinkArtifact, SinkMap, SinkRecord, SinkRun, SinkValue } from '../sink.ts';
import { type Output, TextOutput } from './text-output.ts';

const COLUMNS = ['run', 'rank', 'seq', 'time', 'kind', 'step', 'epoch', 'key', 'value'] as const;

/**
 * A run in long form, one value a row: `run,rank,seq,time,kind,step,epoch,key,value`. `time` is ISO 8601; `kind` is
 * `value` for what a step recorded, else `param`, `tag`, `note`, `artifact`, `end`. NaN and infinities are written
 * `NaN`, `Infinity`, `-Infinity`. Quoting as in RFC 4180.
 *
 * Spreadsheets take a text that begins with `=`, `+`, `-` or `@` for a formula and run it (OWASP: CSV injection):
 * such texts, and those that begin with a tab or a carriage return, get an apostrophe in front. Numbers do not.
 */
export class CsvSink implements RunSink {
  readonly name = 'csv';
  readonly #target: Output;
  readonly #header: boolean;
  #output: TextOutput | undefined;
  #run = '';
  #rank = 0;

  /** `header` false: no first line with the columns' names (several runs into one output). */
  constructor(target: Output, options: { header?: boolean } = {}) {
    this.#target = target;
    this.#header = options.header ?? true;
  }

  async open(run: SinkRun): Promise<void> {
    this.#output = await TextOutput.open(this.#target);
    this.#run = run.id;
    this.#rank = run.rank;
    let text = this.#header ? `${COLUMNS.join(',')}\r\n` : '';
    const record = { seq: 0, time: run.startedAt };
    for (const [key, value] of Object.entries(run.params)) text += this.#row(record, 'param', key, value);
    for (const [key, value] of Object.entries(run.tags)) text += this.#row(record, 'tag', key, value);
    await this.#output.write(text);
  }

  async write(batch: readonly SinkRecord[]): Promise<void> {
    let text = '';
    for (const record of batch) text += this.#rows(record);
    await this.#output?.write(text);
  }

  async artifact(artifact: SinkArtifact): Promise<void> {
    const { name, kind, path, size, sha256 } = artifact;
    await this.#output?.write(this.#row(artifact, 'artifact', name, { kind, path, size, sha256 }));
  }

  async close(status: RunEndStatus | undefined, summary: SinkMap): Promise<void> {
    const record = { seq: -1, time: Number.NaN };
    let text = '';
    if (status !== undefined) text += this.#row(record, 'end', 'status', status);
    for (const [key, value] of Object.entries(summary)) text += this.#row(record, 'end', key, value);
    await this.#output?.write(text);
    await this.#output?.close();
  }

  #rows(record: SinkRecord): string {
    switch (record.kind) {
      case 'step': {
        let text = '';
        for (const [key, value] of Object.entries(record.values))
          text += this.#row(record, 'value', key, value, record.step, record.epoch);
        return text;
      }
      case 'params':
        return this.#all(record, 'param', record.params);
      case 'tags':
        return this.#all(record, 'tag', record.tags);
      case 'note':
        return this.#row(record, 'note', record.severity, record.text);
      case 'system': {
        let text = '';
        for (const [key, value] of Object.entries(record.values))
          text += this.#row(record, 'system', key, value, record.sample);
        return text;
      }
      default:
        return this.#row(record, 'console', record.stream, record.text);
    }
  }

  #all(record: { seq: number; time: number }, kind: string, values: SinkMap): string {
    return Object.entries(values)
      .map(([key, value]) => this.#row(record, kind, key, value))
      .join('');
  }

  #row(
    { seq, time }: { seq: number; time: number },
    kind: string,
    key: string,
    value: SinkValue,
    step?: number,
    epoch?: number,
  ): string {
    const cells = [
      this.#run,
      this.#rank,
      seq < 0 ? '' : seq,
      Number.isNaN(time) ? '' : new Date(time).toISOString(),
      kind,
      step ?? '',
      epoch ?? '',
      key,
      value,
    ];
    return `${cells.map(csvCell).join(',')}\r\n`;
  }
}

/** One cell: numbers as they are, text quoted where it must be and never a formula, anything else as JSON. */
export function csvCell(value: SinkValue): string {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value === 'boolean') return String(value);
  if (value === null) return '';
  let text = typeof value === 'string' ? value : JSON.stringify(value);
  if (/^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
