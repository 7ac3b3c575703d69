import { setTimeout as wait } from 'node:timers/promises';
import type { Signal } from '../../../src/otlp/index.ts';
import { OtlpSender, type SendResult } from '../../../src/telemetry/delivery/otlp-sender.ts';
import { bodyOf, type Ledger, SIGNALS } from './ledger.ts';

export interface LoadOptions {
  url: string;
  ledger: Ledger;
  /** Requests a second and signal. */
  rate: number;
  /** Items in a request. */
  items: number;
  /** Requests a signal; the load ends earlier when `stop` is called. */
  requests: number;
  signals?: readonly Signal[];
}

/** What the client saw. */
export interface Seen {
  /** Answers by status, failures by code (ECONNREFUSED, timeout, ...). */
  answers: Record<string, number>;
  /** Of requests that were acknowledged at the first try, ms. */
  latencies: number[];
  /** Longest time from first sending to acknowledgement, retries included, ms. */
  longest: number;
  retries: number;
  /** Requests that were refused for good, or not acknowledged when the load was stopped. */
  lost: number;
}

export interface Load {
  seen: Seen;
  /** When everything was acknowledged or refused. */
  done: Promise<void>;
  /** Sends no new requests; what is under way is still retried to its end. */
  finish(): void;
  /** Gives up what is under way too. */
  abandon(): void;
}

/** OTLP 1.11: these and a broken connection are to be retried, all else is final. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const TIMEOUT_MS = 10_000;
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 2000;

/**
 * Sends like an SDK: one request after the other in each signal, each until it is acknowledged (10 s a try, back-off,
 * Retry-After). The ledger knows what was acknowledged.
 */
export function startLoad({ url, ledger, rate, items, requests, signals = SIGNALS }: LoadOptions): Load {
  const seen: Seen = { answers: {}, latencies: [], longest: 0, retries: 0, lost: 0 };
  const finishing = new AbortController();
  const abandoning = new AbortController();

  async function lane(signal: Signal): Promise<void> {
    const sender = new OtlpSender({
      signal,
      url: `${url}/v1/${signal}`,
      headers: {},
      timeoutMs: TIMEOUT_MS,
      compression: 'none',
      protocol: 'http/protobuf',
      tls: {},
    });
    abandoning.signal.addEventListener('abort', () => sender.destroy());
    const began = performance.now();
    for (let i = 0; i < requests && !finishing.signal.aborted; i++) {
      await pause(began + (i * 1000) / rate - performance.now(), finishing.signal);
      if (finishing.signal.aborted) break;
      const first = ledger.send(signal, items);
      const body = bodyOf(signal, first, items);
      if (await deliver(sender, body)) ledger.acknowledge(signal, first, items);
      else seen.lost++;
    }
    sender.destroy();
  }

  async function deliver(sender: OtlpSender, body: Uint8Array): Promise<boolean> {
    const began = performance.now();
    for (let tries = 1; ; tries++) {
      const result = await sender.send(body);
      const what = whatOf(result);
      seen.answers[what] = (seen.answers[what] ?? 0) + 1;
      const took = performance.now() - began;
      if (result.answered && result.status >= 200 && result.status < 300) {
        if (tries === 1) seen.latencies.push(took);
        seen.longest = Math.max(seen.longest, took);
        return true;
      }
      if (abandoning.signal.aborted || (result.answered && !RETRYABLE.has(result.status))) return false;
      seen.retries++;
      const backOff = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (tries - 1));
      const asked = result.answered ? (result.retryAfterMs ?? 0) : 0;
      await pause(Math.max(asked, backOff * (0.5 + Math.random() / 2)), abandoning.signal);
    }
  }

  const done = Promise.all(signals.map(lane)).then(() => undefined);
  return {
    seen,
    done,
    finish: () => finishing.abort(),
    abandon() {
      finishing.abort();
      abandoning.abort();
    },
  };
}

function whatOf(result: SendResult): string {
  if (result.answered) return String(result.status);
  return result.code ?? (result.error.includes('no answer') ? 'timeout' : 'broken');
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return;
  await wait(ms, undefined, { signal }).catch(() => undefined);
}
