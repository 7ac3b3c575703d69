import type { RunEndStatus } from '../../conventions/index.ts';
import type { StepValues } from '../values/recorder.ts';
import { MetricsFile } from './metrics-file.ts';
import { createTracker, type Tracker } from './tracker.ts';
import type { CreateTrackerOptions } from './tracker-options.ts';

export interface MetricsFileOptions {
  /** Calls of `log` after which the metrics file is written; `finish` writes the rest. Default 100. */
  saveInterval?: number;
  /** JSON lines, every logged value; appended when it is there. Default no file. */
  metricsFile?: string;
}

/** A tracker that is there, or what makes one. `logInterval`: every so many steps go to a tracker; all others do not. */
export type MetricsLoggerOptions = MetricsFileOptions & ({ tracker: Tracker } | CreateTrackerOptions);

/**
 * Makes a logger of metrics: a face on `createTracker` with a file beside it. Trackers get every `logInterval`-th
 * step; journal, hub and file get all.
 *
 * @example
 * const logger = createMetricsLogger({ platform: 'wandb', project: 'my-llm', logInterval: 10, saveInterval: 100, metricsFile: './metrics.jsonl' });
 * for (let step = 0; step < 1000; step++) logger.log({ 'train/loss': loss(step) }, step);
 * await logger.finish();
 * @throws TypeError for intervals that are no whole numbers from 1 on, and as `createTracker` does.
 */
export function createMetricsLogger(options: MetricsLoggerOptions): MetricsLogger {
  const { saveInterval = 100, metricsFile, ...others } = options;
  if (!Number.isSafeInteger(saveInterval) || saveInterval < 1)
    throw new TypeError(`saveInterval must be a whole number from 1 on, got ${String(saveInterval)}.`);
  const tracker = 'tracker' in others ? others.tracker : createTracker(others);
  const file = metricsFile === undefined ? undefined : new MetricsFile(metricsFile);
  return new MetricsLogger(tracker, file, saveInterval);
}

export class MetricsLogger {
  readonly tracker: Tracker;
  readonly #file: MetricsFile | undefined;
  readonly #saveInterval: number;
  #unsaved = 0;
  #step = -1n;

  constructor(tracker: Tracker, file: MetricsFile | undefined, saveInterval: number) {
    this.tracker = tracker;
    this.#file = file;
    this.#saveInterval = saveInterval;
  }

  /** Records values of a step (see `Tracker.logMetrics`). Never throws and never waits. */
  log(values: StepValues, step?: number | bigint): void {
    this.tracker.logMetrics(values, step);
    if (!this.#file) return;
    this.#step = wholeNumber(step) ?? this.#step + 1n;
    this.#file.add(this.#step, Date.now(), values);
    if (++this.#unsaved < this.#saveInterval) return;
    void this.save();
  }

  /** Writes what the file does not have yet. Never rejects: what cannot be written is tried again with the next. */
  async save(): Promise<void> {
    this.#unsaved = 0;
    await this.#file?.save();
  }

  /** Ends the run, and writes the rest of the file. Rejects as `Tracker.finish` does. */
  async finish(status?: RunEndStatus, summary?: Readonly<Record<string, unknown>>): Promise<void> {
    await this.save();
    this.#file?.close();
    await this.tracker.finish(status, summary);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.finish();
  }
}

function wholeNumber(step: number | bigint | undefined): bigint | undefined {
  if (typeof step === 'bigint') return step;
  return Number.isSafeInteger(step) ? BigInt(step as number) : undefined;
}
