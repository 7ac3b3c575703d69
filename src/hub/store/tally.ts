import type { PartialSuccess } from '../../otlp/model.ts';
import type { StoreStats } from './store.ts';

/** Counts what became of the items of requests: since the start, and of the request in hand. */
export class Tally {
  readonly appended: StoreStats['appended'] = {
    requests: 0,
    points: 0,
    spans: 0,
    logRecords: 0,
    runRecords: 0,
  };
  readonly duplicates: StoreStats['duplicates'] = { points: 0, spans: 0, runRecords: 0, logRecords: 0 };
  readonly rejected: Record<string, number> = {};
  #request = new Map<string, number>();

  /** `reason` is a short plain phrase; it is the key of the counter and goes to the sender. */
  reject(reason: string, count = 1): void {
    this.rejected[reason] = (this.rejected[reason] ?? 0) + count;
    this.#request.set(reason, (this.#request.get(reason) ?? 0) + count);
  }

  /** Counts parts of an item that was stored otherwise: the sender need not be told. */
  note(reason: string, count: number): void {
    this.rejected[reason] = (this.rejected[reason] ?? 0) + count;
  }

  /** What the request in hand lost; begins the next one. */
  finish(): PartialSuccess {
    if (this.#request.size === 0) return { rejected: 0, message: '' };
    let rejected = 0;
    const parts: string[] = [];
    for (const [reason, count] of this.#request) {
      rejected += count;
      parts.push(`${count} × ${reason}`);
    }
    this.#request = new Map();
    return { rejected, message: `Not stored: ${parts.join('; ')}.` };
  }
}
