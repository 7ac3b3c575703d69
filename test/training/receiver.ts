import type { DeliveryOutcome, EventExporter, EventRecord } from '../../src/telemetry/index.ts';

/** A receiver in memory: keeps what it accepts, answers as it is told. */
export class MemoryReceiver implements EventExporter {
  readonly url: string;
  /** Every record of every accepted request, resends included. */
  readonly records: EventRecord[] = [];
  /** Size of every request, accepted or not. */
  readonly requests: number[] = [];
  inFlight = 0;
  mostInFlight = 0;
  answer: (records: readonly EventRecord[]) => DeliveryOutcome | Promise<DeliveryOutcome> = () => ({
    ok: true,
  });

  constructor(url = 'http://receiver.test/v1/logs') {
    this.url = url;
  }

  async export(records: readonly EventRecord[]): Promise<DeliveryOutcome> {
    this.requests.push(records.length);
    this.inFlight++;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    try {
      const outcome = await this.answer(records);
      if (outcome.ok) this.records.push(...records);
      return outcome;
    } finally {
      this.inFlight--;
    }
  }

  shutdown(): Promise<void> {
    return Promise.resolve();
  }

  seqs(): number[] {
    return this.records.map((record) => record.attributes['llm.run.seq'] as number);
  }
  named(eventName: string): EventRecord[] {
    return this.records.filter((record) => record.eventName === eventName);
  }
}

export const unavailable: DeliveryOutcome = { ok: false, kind: 'unavailable', message: 'it is down' };
export const refused: DeliveryOutcome = { ok: false, kind: 'refused', message: 'HTTP 400' };
export const unauthorized: DeliveryOutcome = { ok: false, kind: 'unauthorized', message: 'HTTP 401' };
/** No waiting between attempts. */
export const noBackOff = { firstMs: 0, maxMs: 0, random: () => 0 };
