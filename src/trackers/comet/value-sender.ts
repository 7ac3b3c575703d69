import type { SinkState } from '../sink.ts';
import { type CometClient, PATHS } from './client.ts';
import type { HistogramAsset } from './histogram.ts';
import { chunksOf, type Metric } from './messages.ts';
import { RateLimit } from './rate-limit.ts';
import { ReadBack } from './read-back.ts';

/** A request takes 1000 values. */
const VALUES = 1000;
/** 12,000 values a minute, or the rest is lost: 3000 at once and 150 a second are never more. */
const PER_SECOND = 150;
const BURST = 3000;

export interface CometTime {
  readonly now: () => number;
  readonly monotonic: () => number;
  readonly wait: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

/**
 * Sends values and histograms of an experiment, each once. Comet would keep both of two alike, so after a request whose
 * answer was lost, and after a process that died, what may be there is looked up first: records come in their order, so
 * that the first one which is missing ends the doubt.
 */
export class ValueSender {
  readonly #client: CometClient;
  readonly #time: CometTime;
  readonly #rate: RateLimit;
  #experimentKey = '';
  /** Values up to this `seq` were taken, also of a batch that failed in its middle. */
  #sentSeq = -1;
  /** So were histograms. */
  #histogramSeq = -1;
  #doubt: ReadBack | undefined;

  constructor(client: CometClient, time: CometTime) {
    this.#client = client;
    this.#time = time;
    this.#rate = new RateLimit(PER_SECOND, BURST, time.monotonic());
  }

  /** `state`: what `state()` gave, by the process before perhaps. Without it nothing is known of what is there. */
  open(experimentKey: string, state: SinkState | undefined): void {
    this.#experimentKey = experimentKey;
    this.#sentSeq = Math.max(this.#sentSeq, Number(state?.['sent'] ?? -1));
    this.#histogramSeq = Math.max(this.#histogramSeq, Number(state?.['histograms'] ?? -1));
    if (state?.['closed'] !== true) this.#beInDoubt();
  }

  /** `closed`: nothing is under way. */
  state(closed: boolean): { sent: number; histograms: number; closed: boolean } {
    return { sent: this.#sentSeq, histograms: this.#histogramSeq, closed };
  }

  metrics(metrics: readonly Metric[], signal?: AbortSignal): Promise<void> {
    return this.#surely(async () => {
      const unsent = metrics.filter(({ seq }) => seq < 0 || seq > this.#sentSeq);
      for (const values of chunksOf(unsent, VALUES)) {
        await this.#post(await this.#missing(values, signal), signal);
        this.#sentSeq = Math.max(this.#sentSeq, values.at(-1)?.seq ?? -1);
      }
    });
  }

  /** Values of records that were taken long ago: the last ones, at the end. */
  late(metrics: readonly Metric[], signal?: AbortSignal): Promise<void> {
    return this.#surely(async () => {
      for (const values of chunksOf(metrics, VALUES))
        await this.#post(this.#doubt ? await this.#doubt.missing(values, signal) : values, signal);
      // the end may come again
      this.#beInDoubt();
    });
  }

  histograms(histograms: readonly HistogramAsset[], signal?: AbortSignal): Promise<void> {
    return this.#surely(async () => {
      const unsent = histograms.filter(({ seq }) => seq > this.#histogramSeq);
      const missing = this.#doubt ? await this.#doubt.missingHistograms(unsent, signal) : unsent;
      for (const { seq, fileName, type, step, epoch, content } of missing) {
        const asset = { fileName, type, step, epoch };
        await this.#client.upload(this.#experimentKey, asset, Buffer.from(content), signal);
        this.#histogramSeq = seq;
      }
      this.#histogramSeq = Math.max(this.#histogramSeq, unsent.at(-1)?.seq ?? -1);
    });
  }

  #beInDoubt(): void {
    this.#doubt = new ReadBack(this.#client, this.#experimentKey);
  }

  async #missing(values: readonly Metric[], signal?: AbortSignal): Promise<readonly Metric[]> {
    // samples of the system do not come twice
    const recorded = values.filter(({ seq }) => seq >= 0);
    if (!this.#doubt || recorded.length === 0) return values;
    const missing = await this.#doubt.missing(recorded, signal);
    if (missing.length > 0) this.#doubt = undefined;
    const wanted = new Set(missing);
    return values.filter((metric) => metric.seq < 0 || wanted.has(metric));
  }

  async #post(values: readonly Metric[], signal?: AbortSignal): Promise<void> {
    if (values.length === 0) return;
    const wait = this.#rate.take(values.length, this.#time.monotonic());
    if (wait > 0) await this.#time.wait(wait, signal);
    const body = {
      experimentKey: this.#experimentKey,
      values: values.map(({ name, value, step, epoch, time }) => ({
        metricName: name,
        metricValue: value,
        step,
        epoch,
        context: null,
        timestamp: time,
      })),
    };
    await this.#client.post(PATHS.metrics, body, signal, { once: true });
  }

  /** What fails may have been taken, and what was looked up is used up. */
  async #surely(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#beInDoubt();
      throw error;
    }
  }
}
