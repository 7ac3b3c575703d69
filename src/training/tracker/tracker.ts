import { diag } from '@opentelemetry/api';
import type { RunEndStatus } from '../../conventions/index.ts';
import type { TrackerOptions } from '../../trackers/index.ts';
import type { Run } from '../run.ts';
import type { StartRunOptions } from '../run-options.ts';
import { startRun } from '../start-run.ts';
import type { StepValues } from '../values/recorder.ts';
import { type CreateTrackerOptions, runOptionsOf, trackersOf } from './tracker-options.ts';

/** Values of these belong to a step without being one: they are no step of their own in the run. */
const BESIDE_TRAINING = /^(val|eval|test|dpo|lora)\//;
/** Calls kept while a run is being started. Starting takes milliseconds; a loop that never yields makes many. */
const MOST_WAITING = 100_000;

/**
 * A way to make a tracker for programs that come from one: the words are theirs, the run behind it is `startRun`'s.
 * Makes nothing yet; `startRun` (or the first thing that is logged) does.
 *
 * @example
 * const tracker = createTracker({ platform: 'mlflow', project: 'my-llm', mlflow: { trackingUri: 'http://127.0.0.1:5000' } });
 * await tracker.startRun({ name: 'baseline', params: { lr: 3e-4 } });
 * for (let step = 0; step < 1000; step++) tracker.logMetrics({ 'train/loss': loss(step) }, step);
 * await tracker.logModel('./model.safetensors', 'model', { format: 'safetensors' });
 * await tracker.finish();
 * @throws TypeError for a platform that is not there, and for `multi` without `platforms`.
 */
export function createTracker(options: CreateTrackerOptions): Tracker {
  return new Tracker(options, trackersOf(options));
}

export class Tracker {
  readonly #options: Omit<StartRunOptions, 'trackers'>;
  readonly #trackers: readonly TrackerOptions[];
  #run: Run | undefined;
  #starting: Promise<Run> | undefined;
  #waiting: ((run: Run) => void)[] = [];
  #finished = false;
  readonly #told = new Set<string>();

  constructor(options: CreateTrackerOptions, trackers: readonly TrackerOptions[]) {
    const { options: runOptions, unknown } = runOptionsOf(options);
    this.#options = runOptions;
    this.#trackers = trackers;
    for (const message of unknown) this.#tell(message);
  }

  /** The run under way: everything that `startRun` gives. */
  get run(): Run | undefined {
    return this.#run;
  }

  /**
   * Starts a run; one that is under way is finished first. What is given here goes before what `createTracker` was
   * given. Rejects as `startRun` does: for a missing `project`, and for a tracker with `onSinkError: 'throw'`.
   */
  startRun(options: Partial<Omit<StartRunOptions, 'trackers'>> = {}): Promise<Run> {
    return this.#start(options, this.finish());
  }

  /** Parameters of the run. */
  logHyperparameters(params: Readonly<Record<string, unknown>>): void {
    this.#record((run) => run.params(params));
  }

  /** The same as `logHyperparameters`. */
  logParams(params: Readonly<Record<string, unknown>>): void {
    this.logHyperparameters(params);
  }

  /**
   * Records values of a step. Values that are all of `val/`, `eval/`, `test/`, `dpo/` or `lora/` are recorded beside
   * the step and count as none. Without `step`: the step after the last one, or the last one for values beside it.
   */
  logMetrics(values: StepValues, step?: number | bigint): void {
    const keys = Object.keys(values);
    const options = step === undefined ? {} : { step };
    const record = (run: Run, copy: StepValues, given: { step?: number | bigint; time?: number }): void => {
      if (keys.length > 0 && keys.every((key) => BESIDE_TRAINING.test(key))) run.validation(copy, given);
      else run.step(copy, given);
    };
    if (this.#run) record(this.#run, values, options);
    else {
      const copy = { ...values };
      const time = Date.now();
      this.#record((run) => record(run, copy, { ...options, time }));
    }
  }

  /** Records a file or a folder as a model. Resolves when it was read; false when it could not be. Never rejects. */
  logModel(path: string, name?: string, metadata?: Readonly<Record<string, unknown>>): Promise<boolean> {
    return new Promise((resolve) => {
      const model = {
        kind: 'model',
        ...(name === undefined ? {} : { name }),
        ...(metadata ? { metadata } : {}),
      };
      const taken = this.#record((run) => void run.artifact(path, model).then(resolve));
      if (!taken) resolve(false);
    });
  }

  /**
   * Ends the run: resolves when hub and trackers have everything, or have failed. Rejects only for a tracker with
   * `onSinkError: 'throw'`. Without a run, nothing happens.
   */
  async finish(
    status: RunEndStatus = 'finished',
    summary?: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const starting = this.#starting;
    let run = this.#run;
    this.#run = undefined;
    this.#starting = undefined;
    this.#finished = true;
    run ??= await starting?.catch(() => undefined);
    await run?.finish(status, summary);
  }

  /** `await using`: the run ends as `finished`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.finish();
  }

  #start(options: Partial<StartRunOptions>, before: Promise<void> = Promise.resolve()): Promise<Run> {
    const waiting: ((run: Run) => void)[] = [];
    this.#waiting = waiting;
    this.#finished = false;
    // another may have been started while this one waited
    const isCurrent = (): boolean => this.#starting === starting;
    const starting: Promise<Run> = (async () => {
      await before;
      try {
        const run = await startRun({ ...this.#options, ...options, trackers: this.#trackers });
        if (isCurrent()) this.#run = run;
        // in the order in which they were logged, before anything that comes now
        for (const record of waiting.splice(0)) record(run);
        return run;
      } catch (error) {
        if (isCurrent()) this.#finished = true;
        throw error;
      } finally {
        if (isCurrent()) this.#starting = undefined;
      }
    })();
    this.#starting = starting;
    return starting;
  }

  /** Records now, or as soon as there is a run. False: nobody will take it. */
  #record(record: (run: Run) => void): boolean {
    if (this.#run) {
      record(this.#run);
      return true;
    }
    if (this.#finished) {
      this.#tell('Something was logged after finish(); it was left out. Call startRun() for another run.');
      return false;
    }
    if (this.#waiting.length >= MOST_WAITING) {
      this.#tell(
        'Too much was logged before the run had started; the rest is left out. Await startRun() first.',
      );
      return false;
    }
    if (!this.#starting)
      this.#start({}).catch((error: unknown) =>
        this.#tell(
          `The run could not be started, nothing is logged: ${error instanceof Error ? error.message : String(error)}`,
        ),
      );
    this.#waiting.push(record);
    return true;
  }

  #tell(message: string): void {
    if (this.#told.has(message)) return;
    this.#told.add(message);
    diag.warn(`llm-otel: ${message}`);
    try {
      this.#options.onError?.(new Error(message));
    } catch {
      // the program's own bug must not reach its training
    }
  }
}
