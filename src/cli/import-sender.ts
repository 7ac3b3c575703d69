import { setTimeout as wait } from 'node:timers/promises';
import { halveJsonRequest, joinJsonRequests, type JsonRequest } from '../otlp/json-request.ts';
import type { Signal } from '../otlp/index.ts';
import { LOGS_CODEC, METRICS_CODEC, TRACE_CODEC } from '../telemetry/delivery/otlp-codec.ts';
import { OtlpSender } from '../telemetry/delivery/otlp-sender.ts';
import { readOutcome } from '../telemetry/delivery/outcome.ts';
import type { DeliveryOutcome } from '../telemetry/index.ts';
import { EnvironmentReader } from '../telemetry/settings/environment-reader.ts';
import { resolveTarget } from '../telemetry/settings/target.ts';
import { type BackOff, delayMs } from '../training/delivery/back-off.ts';

const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs'];
const PROTOCOL = 'http/json';
const CODEC = { traces: TRACE_CODEC, metrics: METRICS_CODEC, logs: LOGS_CODEC } as const;
/** A request of the Collector's greatest size may take a receiver a while. */
const TIMEOUT_MS = 60_000;

export interface SenderOptions {
  /** Base URL; default as OpenTelemetry says (OTEL_EXPORTER_OTLP_ENDPOINT, http://127.0.0.1:4318). */
  endpoint: string | undefined;
  env: Readonly<Record<string, string | undefined>>;
  /** Failures in a row before the receiver is given up. */
  patience: number;
  backOff: BackOff;
  warn: (message: string) => void;
}

/** The receiver is away, or asks for a key: nothing more can be sent now. The rest is for another time. */
export class ReceiverGone extends Error {}

/** Items of requests, by what became of them. */
export interface Sent {
  accepted: number;
  refused: number;
  /** Why, of the first refused ones. */
  reason: string | undefined;
}

/** Sends requests as they were written, as JSON, each until it is acknowledged or refused for good. */
export class ImportSender {
  /** Base of the receiver for messages, without credentials. */
  readonly url: string;
  readonly #senders: ReadonlyMap<Signal, OtlpSender>;
  readonly #patience: number;
  readonly #backOff: BackOff;

  constructor({ endpoint, env, patience, backOff, warn }: SenderOptions) {
    const environment = new EnvironmentReader(env, warn);
    const sender = (signal: Signal): OtlpSender =>
      new OtlpSender({
        ...resolveTarget(signal, environment, {
          timeoutMs: TIMEOUT_MS,
          ...(endpoint !== undefined && { endpoint }),
        }),
        protocol: PROTOCOL,
      });
    this.#senders = new Map(SIGNALS.map((signal) => [signal, sender(signal)]));
    this.url = (this.#senders.get('traces') as OtlpSender).target.url.replace(/\/v1\/traces$/, '');
    this.#patience = patience;
    this.#backOff = backOff;
  }

  /**
   * Requests of one signal, joined to one. What a receiver does not take whole is sent line by line, and what is too
   * large for it in halves, so that one bad line costs no other.
   * @throws ReceiverGone
   */
  async send(requests: readonly JsonRequest[]): Promise<Sent> {
    const [first] = requests;
    if (first === undefined) return { accepted: 0, refused: 0, reason: undefined };
    const whole = joinJsonRequests(requests);
    const outcome = await this.#deliver(whole);
    if (outcome.ok) return { accepted: whole.items, refused: 0, reason: undefined };
    if (outcome.rejected !== undefined) {
      const refused = Math.min(outcome.rejected, whole.items);
      return { accepted: whole.items - refused, refused, reason: outcome.message };
    }
    const parts = requests.length > 1 ? requests.map((request) => [request]) : halves(first, outcome);
    if (parts === undefined) return { accepted: 0, refused: whole.items, reason: outcome.message };
    const sum: Sent = { accepted: 0, refused: 0, reason: undefined };
    for (const part of parts) {
      const sent = await this.send(part);
      sum.accepted += sent.accepted;
      sum.refused += sent.refused;
      sum.reason ??= sent.reason;
    }
    return sum;
  }

  close(): void {
    for (const sender of this.#senders.values()) sender.destroy();
  }

  /** Until there is an answer that counts. */
  async #deliver(request: JsonRequest): Promise<DeliveryOutcome> {
    const sender = this.#senders.get(request.signal) as OtlpSender;
    const codec = CODEC[request.signal][PROTOCOL];
    for (let failures = 1; ; failures++) {
      const result = await sender.send(request.bytes);
      const outcome = readOutcome(result, sender.target.url, (body) => codec.partial(body));
      if (outcome.ok || outcome.kind === 'refused') return outcome;
      if (outcome.kind === 'unauthorized' || failures >= this.#patience)
        throw new ReceiverGone(outcome.message);
      await wait(delayMs(this.#backOff, failures, outcome.retryAfterMs));
    }
  }
}

/** 413; the Collector says it with 400. */
function halves(request: JsonRequest, outcome: DeliveryOutcome): JsonRequest[][] | undefined {
  const tooLarge = !outcome.ok && (outcome.status === 413 || /too large/i.test(outcome.message));
  return tooLarge ? halveJsonRequest(request)?.map((half) => [half]) : undefined;
}
