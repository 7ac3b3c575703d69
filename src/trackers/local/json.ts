import type { RunEndStatus } from '../../conventions/index.ts';
import type { RunSink, SinkArtifact, SinkMap, SinkRecord, SinkRun } from '../sink.ts';
import { jsonLines } from './json-lines.ts';
import { type Output, TextOutput } from './text-output.ts';

/** Writes a run as JSON lines (`jsonLines`) into a new file or a stream. */
export class JsonSink implements RunSink {
  readonly name = 'json';
  readonly #target: Output;
  #output: TextOutput | undefined;

  constructor(target: Output) {
    this.#target = target;
  }

  async open(run: SinkRun): Promise<void> {
    this.#output = await TextOutput.open(this.#target);
    await this.#output.write(jsonLines.run(run));
  }

  async write(batch: readonly SinkRecord[]): Promise<void> {
    await this.#output?.write(batch.map((record) => jsonLines.record(record)).join(''));
  }

  async artifact(artifact: SinkArtifact): Promise<void> {
    await this.#output?.write(jsonLines.artifact(artifact));
  }

  async close(
    status: RunEndStatus | undefined,
    summary: SinkMap,
    _signal?: AbortSignal,
    endedAt?: number,
  ): Promise<void> {
    if (status !== undefined) await this.#output?.write(jsonLines.end(status, summary, endedAt));
    await this.#output?.close();
  }
}
