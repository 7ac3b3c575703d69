import { basename } from 'node:path';
import type { Attributes, Span } from '@opentelemetry/api';
import { ATTR, EVENT, RUN_STATUSES, type RunEndStatus } from '../conventions/index.ts';
import { fingerprint } from './artifact.ts';
import type { DeliveryState } from './delivery/sender.ts';
import type { PlainMap } from './journal/record.ts';
import type { RunLifecycle } from './lifecycle.ts';
import type { PhaseName, Phases } from './phases.ts';
import { plainMap } from './plain-values.ts';
import type { RunRecords } from './records.ts';
import type { ArtifactOptions, NoteSeverity, RunFacts, RunStats } from './run-options.ts';
import type { StopRequest } from './stop-request.ts';
import { type AdapterParameters, adapterValues } from './values/adapter.ts';
import { type HistogramInput, histogramOf } from './values/histogram.ts';
import { type PreferenceValues, preferenceValues } from './values/preference.ts';
import type { StepOptions, StepValues } from './values/recorder.ts';

/** Values that belong to a step without being one: those of a validation, rewards. */
export interface ValueOptions {
  /** Default: the last step. */
  step?: number | bigint;
  epoch?: number;
  /** When they were taken, milliseconds since the epoch. Default now. */
  time?: number;
}

export interface HistogramOptions extends ValueOptions {
  /** Bins of one width between the smallest and the largest value, at most 512. Default 64. */
  bins?: number;
}

/** Measures one step. */
export interface StepTimer {
  /** Records the values with the time since the timer was started. */
  end(values: StepValues, options?: StepOptions): void;
  /** Seconds since the timer was started. */
  elapsed(): number;
  /** `using timer = run.startStep()`: a step that was not ended is forgotten. */
  [Symbol.dispose](): void;
}

/** What a run is made of; `startRun` makes it. */
export interface RunParts {
  facts: RunFacts;
  records: RunRecords;
  phases: Phases;
  lifecycle: RunLifecycle;
  monotonic: () => number;
  stop: Pick<StopRequest, 'made'>;
}

/**
 * A training run. Nothing here throws or waits, but for the methods that give a promise; and those never reject.
 *
 * @example
 * await using run = await startRun({ project: 'char-lm', params: { lr: 3e-4 } });
 * for (const batch of batches) {
 *   const loss = await trainStep(batch);
 *   run.step({ 'train/loss': loss }, { tokens: batch.tokens });
 * }
 */
export class Run implements RunFacts {
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly group: string | undefined;
  readonly rank: number;
  readonly worldSize: number;
  readonly attempt: number;
  readonly #records: RunRecords;
  readonly #phases: Phases;
  readonly #lifecycle: RunLifecycle;
  readonly #monotonic: () => number;
  readonly #stop: Pick<StopRequest, 'made'>;

  constructor({ facts, records, phases, lifecycle, monotonic, stop }: RunParts) {
    this.id = facts.id;
    this.name = facts.name;
    this.project = facts.project;
    this.group = facts.group;
    this.rank = facts.rank;
    this.worldSize = facts.worldSize;
    this.attempt = facts.attempt;
    this.#records = records;
    this.#phases = phases;
    this.#lifecycle = lifecycle;
    this.#monotonic = monotonic;
    this.#stop = stop;
  }

  /** A tracker's page asked for the run to stop (W&B's Stop button). The program decides. */
  get stopRequested(): boolean {
    return this.#stop.made;
  }

  /**
   * Records a training step. Keys are the program's own (`train/loss`, `train/learning_rate` ...); perplexity, step
   * time, tokens/s, samples/s and the sum of tokens are added when they are not among them.
   */
  step(values: StepValues, options?: StepOptions): void {
    this.#phases.onStep();
    this.#records.values(values, options, true);
  }

  /** Starts to measure a step: `timer.end(values)` records it. For loops in which not all time is a step's. */
  startStep(): StepTimer {
    const start = this.#monotonic();
    let ended = false;
    const elapsed = (): number => (this.#monotonic() - start) / 1000;
    return {
      elapsed,
      end: (values, options) => {
        if (ended) return;
        ended = true;
        this.step(values, { ...options, stepTime: options?.stepTime ?? elapsed() });
      },
      [Symbol.dispose]: () => {
        ended = true;
      },
    };
  }

  /** The same as `startStep`. */
  stepTimer(): StepTimer {
    return this.startStep();
  }

  /**
   * Runs `fn` (synchronous or not) as a phase of the run: a span, with everything that `fn` does inside of it. Its
   * result and its error are passed on. Time in `validation`, `evaluation` and `checkpoint` is not step time.
   */
  phase<T>(name: PhaseName, fn: (span: Span) => T, attributes?: Attributes): T {
    return this.#phases.run(name, fn, attributes);
  }

  /** Records values of a validation, of the last step unless told otherwise. A key without a prefix gets `val/`. */
  validation(values: StepValues, options?: ValueOptions): void {
    this.#guarded(() => {
      const prefixed = Object.fromEntries(
        Object.entries(values).map(([key, value]) => [key.includes('/') ? key : `val/${key}`, value]),
      );
      this.#records.values(prefixed, options, false);
    });
  }

  /** Records rewards of preference optimisation under `dpo/`; margin, accuracy and spread are derived. */
  dpo(values: PreferenceValues, options?: ValueOptions): void {
    this.#guarded(() => this.#records.values(preferenceValues(values), options, false));
  }

  /** Records how much of the model low-rank adapters train, under `lora/`. */
  lora(parameters: AdapterParameters, options?: ValueOptions): void {
    this.#guarded(() => this.#records.values(adapterValues(parameters), options, false));
  }

  /**
   * Records how values are distributed at a step (the last one unless told otherwise): gradients, parameters,
   * activations. Values are counted at once, a few nanoseconds each; NaN and infinities are counted apart. What is
   * no list of numbers, and bins that are none, are left out, counted and noted.
   *
   * @example
   * run.histogram('gradients/layer_1', layer.gradient);
   * run.histogram('activations/relu', { edges: [0, 1, 2], counts: [10, 3] });
   */
  histogram(name: string, values: HistogramInput, options?: HistogramOptions): void {
    this.#guarded(() => this.#records.histogram(name, () => histogramOf(values, options?.bins), options));
  }

  /** Adds parameters, or sets them anew. */
  params(params: Readonly<Record<string, unknown>>): void {
    this.#guarded(() => this.#records.emit(EVENT.runParams, {}, plainMap(params)));
  }

  /** Adds tags. */
  tags(tags: readonly string[] | Readonly<Record<string, string | number | boolean>>): void {
    this.#guarded(() => this.#records.emit(EVENT.runParams, { [ATTR.runTags]: tagMap(tags) }, {}));
  }

  /**
   * Records a file or a folder that the run has made: size and SHA-256, not the content. Resolves when it was read;
   * false when it could not be, which a note says.
   */
  async artifact(path: string, options: ArtifactOptions = {}): Promise<boolean> {
    try {
      const { size, sha256, files, isFolder } = await fingerprint(path);
      this.#records.emit(
        EVENT.runArtifact,
        {
          [ATTR.artifactName]: options.name ?? basename(path),
          [ATTR.artifactKind]: options.kind ?? (isFolder ? 'folder' : 'file'),
          [ATTR.artifactPath]: path,
          [ATTR.artifactSize]: size,
          [ATTR.artifactSha256]: sha256,
        },
        { ...(isFolder ? { files } : {}), ...plainMap(options.metadata) },
      );
      return true;
    } catch (error) {
      this.#records.skipped++;
      this.#records.note(
        `Artifact ${path} was left out: ${error instanceof Error ? error.message : String(error)}`,
        'warning',
      );
      return false;
    }
  }

  /** Writes a sentence into the run. */
  note(text: string, options: { severity?: NoteSeverity } = {}): void {
    this.#guarded(() => this.#records.note(text, options.severity));
  }

  /**
   * Ends the run. Resolves when the receiver has everything, or has failed (or kept silent for `finishTimeout`): what
   * it does not have is in the journal, is tried again while the process lives, and by `llm-otel sync` after it.
   * A second call changes nothing.
   */
  finish(
    status: RunEndStatus = 'finished',
    summary?: Readonly<Record<string, unknown>>,
  ): Promise<DeliveryState> {
    const known = RUN_STATUSES.includes(status) ? status : 'failed';
    return this.#lifecycle.finish(known, plainMap(summary));
  }

  /** `await using`: `failed` when a phase has thrown and no step came after it, else `finished`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lifecycle.finish(this.#lifecycle.runawayError === undefined ? 'finished' : 'failed', {});
  }

  /** Writes what is recorded to the journal, sends it, and says how far that went. Never rejects. */
  flush(): Promise<DeliveryState> {
    return this.#lifecycle.flush();
  }

  stats(): RunStats {
    return this.#lifecycle.stats();
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#lifecycle.onBroken(error);
    }
  }
}

/** Tags as names with values; a bare word is true. */
export function tagMap(
  tags: readonly string[] | Readonly<Record<string, string | number | boolean>> | undefined,
): PlainMap {
  if (!tags) return {};
  return plainMap(Array.isArray(tags) ? Object.fromEntries(tags.map((tag) => [String(tag), true])) : tags);
}
