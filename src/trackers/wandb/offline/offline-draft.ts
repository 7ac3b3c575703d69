import type { SinkMap, SinkRecord, SinkValue } from '../../sink.ts';
import { HistoryRows, type HistoryRow, type HistoryState, NO_HISTORY, rowColumns } from '../history-rows.ts';
import { systemMetrics } from '../system-metrics.ts';
import { wandbJson, wandbNumber, wandbNumbers } from '../wandb-json.ts';
import { ITEM, outputRecord, RECORD, statsHead } from './records.ts';
import { ValuesEncoder } from './values-record.ts';

/** What is in the file: plain JSON. */
export type OfflineState = {
  /** Milliseconds since the epoch: `_runtime` counts from here. */
  readonly startedAt: number;
  /** Bytes of the file. */
  readonly position: number;
  /** Bytes before the record of the run's end; null while it has not ended. */
  readonly beforeEnd: number | null;
  readonly rows: HistoryState;
};

export function newOffline(startedAt: number): OfflineState {
  return { startedAt, position: 0, beforeEnd: null, rows: NO_HISTORY };
}

/** Shared: it only keeps memory and encoded keys. */
const encoder = new ValuesEncoder();

/** Turns records of a run into records of the file. The same state and records give the same bytes. */
export class OfflineDraft {
  readonly records: Uint8Array[] = [];
  readonly #state: OfflineState;
  readonly #rows: HistoryRows;
  readonly #summary = new Map<string, SinkValue>();

  constructor(state: OfflineState) {
    this.#state = state;
    this.#rows = new HistoryRows(state.rows);
  }

  get shifted(): boolean {
    return this.#rows.shifted;
  }

  raw(record: Uint8Array): void {
    this.records.push(record);
  }

  add(record: SinkRecord): void {
    switch (record.kind) {
      case 'step':
      case 'histogram':
        this.#row(this.#rows.add(record));
        break;
      case 'system':
        this.records.push(
          encoder.record(
            RECORD.stats,
            ITEM.stats,
            systemMetrics(record.values).map(([key, value]) => [key, wandbNumber(value)] as const),
            statsHead(record.time),
          ),
        );
        break;
      case 'note':
        this.records.push(outputRecord('stdout', record.time, `[${record.severity}] ${record.text}`));
        break;
      case 'console':
        this.records.push(outputRecord(record.stream, record.time, record.text));
        break;
      default:
    }
  }

  flush(): void {
    this.#row(this.#rows.flush());
  }

  summarize(values: SinkMap): void {
    for (const [key, value] of Object.entries(values)) this.#summary.set(key, value);
  }

  /** Writes the summary of the rows since the last time: nothing derives it from them. */
  summary(): void {
    if (this.#summary.size === 0) return;
    this.records.push(
      encoder.record(
        RECORD.summary,
        ITEM.summary,
        Array.from(this.#summary, ([key, value]) => [key, wandbJson(value)] as const),
      ),
    );
    this.#summary.clear();
  }

  next(): OfflineState {
    return { ...this.#state, rows: this.#rows.state() };
  }

  #row(row: HistoryRow | undefined): void {
    if (!row) return;
    const columns = rowColumns(row, this.#state.startedAt);
    const media = Object.entries(row.media ?? {}).map(([key, value]): [string, string] => [
      key,
      wandbJson(value),
    ]);
    const all = items(row.values, columns);
    this.records.push(encoder.record(RECORD.history, ITEM.history, [...all, ...media]));
    this.summarize(row.values);
    this.summarize(row.media ?? {});
    this.summarize(columns);
  }
}

function items(...maps: readonly Readonly<Record<string, number>>[]): [key: string, json: string][] {
  const keys = maps.flatMap((map) => Object.keys(map));
  const texts = wandbNumbers(maps.flatMap((map) => Object.values(map)));
  return keys.map((key, index) => [key, texts[index] as string]);
}
