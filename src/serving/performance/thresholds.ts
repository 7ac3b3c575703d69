import { DURATION_FORMAT, parseDuration } from '../../conventions/index.ts';
import type { FinishedGeneration } from '../generation/finished.ts';

/** Limits of a performance window. Durations as `500ms`, `2s` or milliseconds. */
export interface PerformanceThresholds {
  /** A generation whose first token came later is slow. */
  timeToFirstToken?: string | number;
  /** A generation that took longer for a token is slow. */
  timePerOutputToken?: string | number;
  /** A generation that took longer is slow. */
  requestDuration?: string | number;
  /** Share (0-1) of the window's generations that ended in an error: at or above it is high. */
  errorRate?: number;
  /** Output tokens per second of all generations together: below it is low. */
  tokensPerSecond?: number;
  /** Rates are judged only with as many generations in the window. Default 20. */
  minimumRequests?: number;
  /** Shortest time between two reports of slow generations of one kind. Default 1 s. */
  minimumInterval?: string | number;
}

export const SLOW_KINDS = ['timeToFirstToken', 'timePerOutputToken', 'requestDuration'] as const;
export type SlowKind = (typeof SLOW_KINDS)[number];
export type RateKind = 'errorRate' | 'tokensPerSecond';

/** A generation was slower than a threshold. Times in seconds. */
export interface SlowGeneration {
  readonly kind: 'slow_generation';
  readonly threshold: SlowKind;
  readonly value: number;
  readonly limit: number;
  readonly generation: FinishedGeneration;
  /** Further ones since the last report that were not reported, since they came too fast. */
  readonly suppressed: number;
}
/** A rate of the window crossed its threshold: reported once on entering and once on leaving. */
export interface RateCrossed {
  readonly kind: 'rate';
  readonly threshold: RateKind;
  readonly state: 'entered' | 'left';
  /** Null when too few generations are left to judge. */
  readonly value: number | null;
  readonly limit: number;
  /** Generations in the window. */
  readonly requests: number;
}
export type ThresholdCrossed = SlowGeneration | RateCrossed;

/** The rates of the window, as far as there is enough to judge. */
export interface Rates {
  readonly requests: number;
  readonly errorRate: number;
  readonly tokensPerSecond: number;
}

/** What a kind of slowness is measured by, in milliseconds; undefined when a generation has no such value. */
const MEASURED: Readonly<Record<SlowKind, (generation: FinishedGeneration) => number | undefined>> = {
  // Who gave up before the first token waited at least so long for it.
  timeToFirstToken: ({ firstTokenAfter, outcome, duration }) =>
    firstTokenAfter ?? (outcome === 'aborted' ? duration : undefined),
  timePerOutputToken: ({ timePerOutputToken }) => timePerOutputToken,
  requestDuration: ({ duration }) => duration,
};

/** Decides what is to be reported. Pure: time and values are passed in, milliseconds. */
export class ThresholdWatch {
  readonly #limits: Partial<Record<SlowKind, number>> = {};
  readonly #rates: { threshold: RateKind; limit: number; entered: boolean }[] = [];
  readonly #minimumRequests: number;
  readonly #minimumInterval: number;
  readonly #reported = new Map<SlowKind, { at: number; suppressed: number }>();

  /** @throws TypeError for a threshold that cannot be read. */
  constructor(thresholds: PerformanceThresholds) {
    for (const kind of SLOW_KINDS) {
      const value = thresholds[kind];
      if (value !== undefined) this.#limits[kind] = duration(kind, value);
    }
    for (const threshold of ['errorRate', 'tokensPerSecond'] as const) {
      const limit = thresholds[threshold];
      if (limit === undefined) continue;
      if (!Number.isFinite(limit) || limit <= 0 || (threshold === 'errorRate' && limit > 1)) {
        const expected = threshold === 'errorRate' ? 'a share above 0 and up to 1' : 'a number above 0';
        throw new TypeError(`thresholds.${threshold}: expected ${expected}, got ${limit}`);
      }
      this.#rates.push({ threshold, limit, entered: false });
    }
    this.#minimumRequests = thresholds.minimumRequests ?? 20;
    this.#minimumInterval =
      thresholds.minimumInterval === undefined
        ? 1000
        : duration('minimumInterval', thresholds.minimumInterval);
  }

  get watchesRates(): boolean {
    return this.#rates.length > 0;
  }

  /** Reports of a generation that has just ended. */
  slow(generation: FinishedGeneration, now: number): SlowGeneration[] {
    const reports: SlowGeneration[] = [];
    if (generation.outcome === 'error') return reports;
    for (const threshold of SLOW_KINDS) {
      const limit = this.#limits[threshold];
      const value = MEASURED[threshold](generation);
      if (limit === undefined || value === undefined || value <= limit) continue;
      const last = this.#reported.get(threshold);
      if (last && now - last.at < this.#minimumInterval) {
        last.suppressed++;
        continue;
      }
      this.#reported.set(threshold, { at: now, suppressed: 0 });
      reports.push({
        kind: 'slow_generation',
        threshold,
        value: value / 1000,
        limit: limit / 1000,
        generation,
        suppressed: last?.suppressed ?? 0,
      });
    }
    return reports;
  }

  /** Reports of rates that have crossed their threshold since the last call. */
  crossed(rates: Rates): RateCrossed[] {
    const reports: RateCrossed[] = [];
    const enough = rates.requests >= this.#minimumRequests;
    for (const rate of this.#rates) {
      const value = rates[rate.threshold];
      const beyond = enough && (rate.threshold === 'errorRate' ? value >= rate.limit : value < rate.limit);
      if (beyond === rate.entered) continue;
      rate.entered = beyond;
      reports.push({
        kind: 'rate',
        threshold: rate.threshold,
        state: beyond ? 'entered' : 'left',
        value: enough ? value : null,
        limit: rate.limit,
        requests: rates.requests,
      });
    }
    return reports;
  }
}

function duration(name: string, value: string | number): number {
  const milliseconds = parseDuration(value);
  if (milliseconds === undefined) {
    throw new TypeError(
      `thresholds.${name}: expected ${DURATION_FORMAT} or milliseconds, got ${JSON.stringify(value)}`,
    );
  }
  return milliseconds;
}
