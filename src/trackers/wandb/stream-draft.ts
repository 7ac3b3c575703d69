import type { SinkMap, SinkRecord, SinkState, SinkValue } from '../sink.ts';
import type { StreamPost } from './client.ts';
import {
  HistoryRows,
  type HistoryState,
  NO_HISTORY,
  historyLine,
  type HistoryRow,
  rowColumns,
} from './history-rows.ts';
import { eventLine } from './system-metrics.ts';
import { parseWandbJson, wandbJson } from './wandb-json.ts';

/** What of a run's file stream is at W&B: plain JSON. */
export type StreamState = {
  /** Milliseconds since the epoch: `_runtime` counts from here. */
  readonly startedAt: number;
  /** Lines sent of each file. */
  readonly history: number;
  readonly events: number;
  readonly output: number;
  readonly rows: HistoryState;
  /** The whole summary as W&B's JSON. */
  readonly summary: string;
};

export function newStream(startedAt: number): StreamState {
  return { startedAt, history: 0, events: 0, output: 0, rows: NO_HISTORY, summary: '{}' };
}

/** The stream state in what a sink remembered; undefined when it is not there. */
export function streamOf(state: SinkState | undefined): StreamState | undefined {
  const stream = state?.['stream'] as StreamState | undefined;
  return typeof stream?.startedAt === 'number' ? stream : undefined;
}

/**
 * Turns records into a post to the file stream, and the state into what it is once that post was taken. The same
 * state and records give the same lines at the same offsets, so a post that was taken and not acknowledged is
 * overwritten by itself.
 */
export class StreamDraft {
  readonly #state: StreamState;
  readonly #rows: HistoryRows;
  readonly #history: string[] = [];
  readonly #events: string[] = [];
  readonly #output: string[] = [];
  readonly #summary: Map<string, SinkValue>;
  #summaryChanged = false;

  constructor(state: StreamState) {
    this.#state = state;
    this.#rows = new HistoryRows(state.rows);
    this.#summary = new Map(Object.entries(parseWandbJson(state.summary) as SinkMap));
  }

  /** Steps went back; W&B's cannot. */
  get shifted(): boolean {
    return this.#rows.shifted;
  }

  /** Parameters and tags are no part of the stream. */
  add(record: SinkRecord): void {
    switch (record.kind) {
      case 'step':
      case 'histogram':
        this.#row(this.#rows.add(record));
        break;
      case 'system':
        this.#events.push(eventLine(record.values, record.time, this.#state.startedAt));
        break;
      case 'note':
        this.#output.push(
          ...outputLines(record.time, `[${record.severity}] ${record.text}`, record.severity === 'error'),
        );
        break;
      case 'console':
        this.#output.push(...outputLines(record.time, record.text, record.stream === 'stderr'));
        break;
      default:
    }
  }

  /** Completes the row that is held back. */
  flush(): void {
    this.#row(this.#rows.flush());
  }

  /** Values of the summary beside those of the rows. */
  summarize(values: SinkMap): void {
    for (const [key, value] of Object.entries(values)) this.#summary.set(key, value);
    this.#summaryChanged = true;
  }

  /** Whole seconds that the run took, as W&B's own client notes it at the end. */
  end(endedAt: number): void {
    this.summarize({
      _wandb: { runtime: Math.max(0, Math.floor((endedAt - this.#state.startedAt) / 1000)) },
    });
  }

  files(): StreamPost['files'] {
    const { history, events, output } = this.#state;
    const file = (offset: number, content: string[]) =>
      content.length > 0 ? { offset, content } : undefined;
    return Object.fromEntries(
      Object.entries({
        'wandb-history.jsonl': file(history, this.#history),
        'wandb-events.jsonl': file(events, this.#events),
        'wandb-summary.json': file(0, this.#summaryChanged ? [this.#summaryText()] : []),
        'output.log': file(output, this.#output),
      }).filter((entry): entry is [string, { offset: number; content: string[] }] => entry[1] !== undefined),
    );
  }

  /** As it is when the post was taken. */
  next(): StreamState {
    const { startedAt, history, events, output } = this.#state;
    return {
      startedAt,
      history: history + this.#history.length,
      events: events + this.#events.length,
      output: output + this.#output.length,
      rows: this.#rows.state(),
      summary: this.#summaryText(),
    };
  }

  #row(row: HistoryRow | undefined): void {
    if (!row) return;
    this.#history.push(historyLine(row, this.#state.startedAt));
    this.summarize(row.values);
    this.summarize(row.media ?? {});
    this.summarize(rowColumns(row, this.#state.startedAt));
  }

  #summaryText(): string {
    return wandbJson(Object.fromEntries(this.#summary));
  }
}

/** Lines of `output.log`: W&B's page shows the time apart, and lines that begin with ERROR in red. */
export function outputLines(time: number, text: string, isError: boolean): string[] {
  const stamp = `${isError ? 'ERROR ' : ''}${new Date(time).toISOString().slice(0, -1)}000`;
  return text.split(/\r?\n/).map((line) => `${stamp} ${line}`);
}
