import type { RunSink, SinkArtifact, SinkRecord, SinkRun } from '../sink.ts';
import type { RunEndStatus } from '../../conventions/index.ts';
import type { SinkMap } from '../sink.ts';
import { type Output, TextOutput } from './text-output.ts';

/**
 * A run as JSON lines: `{"type": "run" | "step" | "params" | "tags" | "note" | "artifact" | "end", ...}`. JSON has no
 * NaN and no infinities: they are the strings "NaN", "Infinity", "-Infinity". Times are milliseconds since the epoch.
 */
export class JsonSink implements RunSink {
  readonly name = 'json';
  readonly #target: Output;
  #output: TextOutput | undefined;

  constructor(target: Output) {
    this.#target = target;
  }

  async open(run: SinkRun): Promise<void> {
    this.#output = await TextOutput.open(this.#target);
    const { id, name, project, group, rank, worldSize, attempt, startedAt, params, tags, source } = run;
    await this.#line('run', {
      id,
      name,
      project,
      ...(group === undefined ? {} : { group }),
      rank,
      worldSize,
      attempt,
      time: startedAt,
      params,
      tags,
      source,
    });
  }

  async write(batch: readonly SinkRecord[]): Promise<void> {
    let text = '';
    for (const { kind, ...record } of batch) text += line(kind, record);
    await this.#output?.write(text);
  }

  async artifact(artifact: SinkArtifact): Promise<void> {
    await this.#line('artifact', { ...artifact });
  }

  async close(status: RunEndStatus | undefined, summary: SinkMap): Promise<void> {
    if (status !== undefined) await this.#line('end', { status, summary });
    await this.#output?.close();
  }

  async #line(type: string, fields: object): Promise<void> {
    await this.#output?.write(line(type, fields));
  }
}

function line(type: string, fields: object): string {
  return `${JSON.stringify({ type, ...fields }, exactNumbers)}\n`;
}

function exactNumbers(this: unknown, _key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  // JSON.stringify writes -0 as 0; the raw text keeps it
  if (Object.is(value, -0)) return rawNumber('-0.0');
  return value;
}

/** `JSON.rawJSON` where the runtime has it (Node >= 22), as the language's proposal defines it. */
function rawNumber(text: string): unknown {
  const { rawJSON } = JSON as typeof JSON & { rawJSON?: (text: string) => unknown };
  return rawJSON ? rawJSON(text) : 0;
}
