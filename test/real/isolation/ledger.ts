import { ATTR, EVENT } from '../../../src/conventions/index.ts';
import { encodeAttributes, encodeRequest } from '../../../src/otlp/index.ts';
import type { OtlpRequest, Signal } from '../../../src/otlp/index.ts';

/**
 * The loss oracle's alphabet: items that carry their number, in the three signals, such that our hub recognises a
 * repeated one (a point by series and time, a span by its ids, a run's record by `llm.run.seq`).
 */
export const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs'];
export const RUN_ID = 'isolation-run';
export const METRIC_NAME = 'isolation.value';
export const SPAN_SEQ = 'isolation.seq';
/** Spans of one trace: a hundred, so that traces can be asked for one by one. */
export const SPANS_A_TRACE = 100;
const SCOPE = { name: 'isolation', version: '1', attributes: {} };
/** Time of number 0; a millisecond between numbers. */
const START_MS = 1_790_000_000_000;

const POINT_ATTRIBUTES = encodeAttributes({ 'hw.id': 'GPU-7d6a1b2c', 'gpu.index': 0, 'hw.state': 'used' });
const RESOURCE = { 'service.name': 'isolation', 'service.instance.id': 'isolation-1', 'host.name': 'node-1' };

export const traceIdOf = (seq: number): string =>
  (Math.floor(seq / SPANS_A_TRACE) + 1).toString(16).padStart(32, '0');
const nanos = (seq: number): bigint => BigInt(START_MS + seq) * 1_000_000n;

/** Body of a request with the numbers from `first`. */
export function requestOf(signal: Signal, first: number, count: number): OtlpRequest {
  const numbers = Array.from({ length: count }, (_, i) => first + i);
  switch (signal) {
    case 'metrics':
      return {
        signal,
        resourceMetrics: [
          {
            resource: { attributes: { ...RESOURCE } },
            scopeMetrics: [
              {
                scope: SCOPE,
                metrics: [
                  {
                    kind: 'gauge',
                    name: METRIC_NAME,
                    description: '',
                    unit: '1',
                    temporality: 'unspecified',
                    monotonic: false,
                    points: numbers.map((seq) => ({
                      attributes: POINT_ATTRIBUTES,
                      startTime: 0,
                      time: START_MS + seq,
                      value: seq,
                      flags: 0,
                    })),
                  },
                ],
              },
            ],
          },
        ],
      };
    case 'traces':
      return {
        signal,
        resourceSpans: [
          {
            resource: { attributes: { ...RESOURCE } },
            scopeSpans: [
              {
                scope: SCOPE,
                spans: numbers.map((seq) => ({
                  traceId: traceIdOf(seq),
                  spanId: (seq + 1).toString(16).padStart(16, '0'),
                  parentSpanId: '',
                  traceState: '',
                  flags: 1,
                  name: 'chat qwen2.5-3b',
                  kind: 2,
                  startTimeUnixNano: nanos(seq),
                  endTimeUnixNano: nanos(seq) + 250_000_000n,
                  attributes: {
                    [SPAN_SEQ]: BigInt(seq),
                    'gen_ai.operation.name': 'chat',
                    'gen_ai.request.model': 'qwen2.5-3b',
                    'gen_ai.response.model': 'qwen2.5-3b-instruct',
                    'gen_ai.usage.input_tokens': 412n,
                    'gen_ai.usage.output_tokens': 128n,
                    'server.address': '127.0.0.1',
                  },
                  events: [],
                  links: [],
                  status: { code: 0, message: '' },
                })),
              },
            ],
          },
        ],
      };
    default:
      return {
        signal: 'logs',
        resourceLogs: [
          {
            resource: {
              attributes: {
                ...RESOURCE,
                [ATTR.runId]: RUN_ID,
                [ATTR.runName]: RUN_ID,
                [ATTR.rank]: 0n,
                [ATTR.worldSize]: 1n,
              },
            },
            scopeLogs: [
              {
                scope: SCOPE,
                logRecords: numbers.map((seq) => ({
                  timeUnixNano: nanos(seq),
                  observedTimeUnixNano: 0n,
                  severityNumber: 9,
                  severityText: '',
                  eventName: EVENT.trainingStep,
                  body: STEP_VALUES,
                  attributes: { [ATTR.runSeq]: BigInt(seq), [ATTR.trainingStep]: BigInt(seq) },
                  traceId: '',
                  spanId: '',
                  flags: 0,
                })),
              },
            ],
          },
        ],
      };
  }
}

/** What a step of a usual training run carries. */
const STEP_VALUES = {
  'train/loss': 2.3125,
  'train/learning_rate': 0.0002,
  'train/grad_norm': 1.0837,
  'train/tokens_per_second': 18234.5,
  'train/step_time': 0.4513,
};

export const bodyOf = (signal: Signal, first: number, count: number): Uint8Array =>
  encodeRequest(requestOf(signal, first, count));

/** The numbers in a request, whoever wrote it; items of others have none. */
export function numbersOf(request: OtlpRequest): number[] {
  const numbers: number[] = [];
  switch (request.signal) {
    case 'metrics':
      for (const { scopeMetrics } of request.resourceMetrics)
        for (const { metrics } of scopeMetrics)
          for (const metric of metrics)
            if (metric.name === METRIC_NAME && metric.kind === 'gauge')
              for (const { value } of metric.points) numbers.push(value);
      break;
    case 'traces':
      for (const { scopeSpans } of request.resourceSpans)
        for (const { spans } of scopeSpans)
          for (const { attributes } of spans)
            if (attributes[SPAN_SEQ] !== undefined) numbers.push(Number(attributes[SPAN_SEQ]));
      break;
    default:
      for (const { scopeLogs } of request.resourceLogs)
        for (const { logRecords } of scopeLogs)
          for (const { attributes } of logRecords)
            if (attributes[ATTR.runSeq] !== undefined) numbers.push(Number(attributes[ATTR.runSeq]));
  }
  return numbers;
}

/** What the client did: which numbers it sent when, and which were acknowledged. */
export class Ledger {
  readonly sent: Record<Signal, number[]> = { traces: [], metrics: [], logs: [] };
  readonly acknowledged: Record<Signal, Set<number>> = {
    traces: new Set(),
    metrics: new Set(),
    logs: new Set(),
  };
  #waiting: { total: number; done: () => void }[] = [];

  get acknowledgedTotal(): number {
    return SIGNALS.reduce((sum, signal) => sum + this.acknowledged[signal].size, 0);
  }
  get sentTotal(): number {
    return SIGNALS.reduce((sum, signal) => sum + this.sent[signal].length, 0);
  }

  /** Notes numbers as sent now; their index is their number. */
  send(signal: Signal, count: number): number {
    const now = performance.now();
    const first = this.sent[signal].length;
    for (let i = 0; i < count; i++) this.sent[signal].push(now);
    return first;
  }

  acknowledge(signal: Signal, first: number, count: number): void {
    for (let i = 0; i < count; i++) this.acknowledged[signal].add(first + i);
    const total = this.acknowledgedTotal;
    const due = this.#waiting.filter((waiter) => waiter.total <= total);
    if (due.length === 0) return;
    this.#waiting = this.#waiting.filter((waiter) => waiter.total > total);
    for (const { done } of due) done();
  }

  /** When so many items were acknowledged in all. */
  reached(total: number): Promise<void> {
    if (this.acknowledgedTotal >= total) return Promise.resolve();
    return new Promise((done) => this.#waiting.push({ total, done }));
  }
}

/** What one receiver got: how often each number, and when first. */
export class Receipts {
  readonly times: Record<Signal, Map<number, number>> = {
    traces: new Map(),
    metrics: new Map(),
    logs: new Map(),
  };
  duplicates = 0;

  take(request: OtlpRequest): void {
    const now = performance.now();
    const times = this.times[request.signal];
    for (const seq of numbersOf(request)) {
      if (times.has(seq)) this.duplicates++;
      else times.set(seq, now);
    }
  }

  /** Acknowledged to the client, and not here. */
  missing(ledger: Ledger, signals: readonly Signal[] = SIGNALS): number {
    let missing = 0;
    for (const signal of signals)
      for (const seq of ledger.acknowledged[signal]) if (!this.times[signal].has(seq)) missing++;
    return missing;
  }

  has(ledger: Ledger, signals: readonly Signal[] = SIGNALS): boolean {
    const due = signals.reduce((sum, signal) => sum + ledger.acknowledged[signal].size, 0);
    // The count first: the comparison of all numbers is made once, at the end, and not after every request.
    return this.total >= due && this.missing(ledger, signals) === 0;
  }

  /** Of distinct items. */
  get total(): number {
    return SIGNALS.reduce((sum, signal) => sum + this.times[signal].size, 0);
  }

  /** Milliseconds from first sending to first receipt. */
  delays(ledger: Ledger): number[] {
    return SIGNALS.flatMap((signal) =>
      [...this.times[signal]].map(([seq, time]) => time - (ledger.sent[signal][seq] ?? Number.NaN)),
    );
  }
}

/** @param q 0 to 1 */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}
