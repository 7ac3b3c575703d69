import {
  type Attributes,
  type Context,
  context,
  type Link,
  type Span,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { ATTR } from '../conventions/index.ts';
import { TRAINING_SCOPE } from './instruments.ts';

/** Phases that are known by name. Time in one that does not train is not part of the step that follows it. */
export const PHASES: readonly { readonly name: string; readonly trains: boolean; readonly help: string }[] = [
  { name: 'train epoch', trains: true, help: 'One pass over the training data' },
  { name: 'warm-up', trains: true, help: 'Steps before the timing counts: compilation, caches' },
  { name: 'data loading', trains: true, help: 'Waiting for the next batch' },
  { name: 'validation', trains: false, help: 'Loss and scores on held-out data' },
  { name: 'evaluation', trains: false, help: 'Benchmarks and generated samples' },
  { name: 'checkpoint', trains: false, help: 'Writing the model' },
];
/** A name of `PHASES`, or one of the program's own (which counts as training). */
export type PhaseName =
  | 'train epoch'
  | 'warm-up'
  | 'data loading'
  | 'validation'
  | 'evaluation'
  | 'checkpoint'
  | (string & {});

const NOT_TRAINING = new Set(PHASES.filter((phase) => !phase.trains).map((phase) => phase.name));
const SLOW_STEP = 'slow step';

/** What a run's phases tell the run. */
export interface PhaseListener {
  /** Monotonic milliseconds. */
  now: () => number;
  epoch: (monotonic: number) => number;
  /** Time that was not training has passed. */
  exclude: (milliseconds: number) => void;
  /** A phase ended well (undefined) or with an error, which goes on to the program. */
  ended: (error: unknown) => void;
}

/**
 * Spans of what has length in a run. None is held open for the whole run, since a span is exported only at its end:
 * the outermost ones are traces of their own, joined by the run's id and by a link to the one before.
 */
export class Phases {
  readonly #attributes: Attributes;
  readonly #listener: PhaseListener;
  #previous: Link | undefined;
  /** Phases under way that do not train, and since when. A step within them makes their time count as training. */
  #outside = 0;
  #outsideSince = Number.NaN;

  constructor(runId: string, rank: number, listener: PhaseListener) {
    this.#attributes = { [ATTR.runId]: runId, [ATTR.rank]: rank };
    this.#listener = listener;
  }

  /** Further attributes of the spans to come: what trackers call the run. */
  describe(attributes: Attributes): void {
    Object.assign(this.#attributes, attributes);
  }

  /** Runs `fn` inside of a span of that name; its result, or its error, is the caller's. */
  run<T>(name: PhaseName, fn: (span: Span) => T, attributes: Attributes = {}): T {
    const parent = context.active();
    const span = this.#startSpan(name, parent, { ...attributes, [ATTR.trainingPhase]: name });
    const finish = this.#enter(name);
    const end = (error?: unknown, failed = false): void => {
      finish();
      if (failed) {
        span.recordException(error instanceof Error ? error : String(error));
        span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) });
      }
      span.end();
      this.#listener.ended(failed ? (error ?? new Error('unknown')) : undefined);
    };
    let result: T;
    try {
      result = context.with(trace.setSpan(parent, span), fn, undefined, span);
    } catch (error) {
      end(error, true);
      throw error;
    }
    if (!isPromiseLike(result)) {
      end();
      return result;
    }
    return result.then(
      (value) => {
        end();
        return value;
      },
      (error: unknown) => {
        end(error, true);
        throw error;
      },
    ) as T;
  }

  /** A step was recorded: a phase that is under way runs beside the training. */
  onStep(): void {
    if (this.#outside > 0) this.#outsideSince = Number.NaN;
  }

  /** A span for a step that took far longer than those before it, made when it is over. */
  slowStep(step: number, seconds: number, usual: number): void {
    const end = this.#listener.epoch(this.#listener.now());
    const span = trace.getTracer(TRAINING_SCOPE).startSpan(
      SLOW_STEP,
      {
        startTime: end - seconds * 1000,
        attributes: {
          ...this.#attributes,
          [ATTR.trainingPhase]: SLOW_STEP,
          [ATTR.trainingStep]: step,
          [ATTR.trainingStepUsualDuration]: usual,
        },
      },
      context.active(),
    );
    span.end(end);
  }

  #startSpan(name: string, parent: Context, attributes: Attributes): Span {
    const outermost = trace.getSpan(parent) === undefined;
    const span = trace.getTracer(TRAINING_SCOPE).startSpan(
      name,
      {
        attributes: { ...attributes, ...this.#attributes },
        links: outermost && this.#previous ? [this.#previous] : [],
      },
      parent,
    );
    if (outermost) this.#previous = { context: span.spanContext(), attributes: this.#attributes };
    return span;
  }

  #enter(name: string): () => void {
    if (!NOT_TRAINING.has(name)) return () => {};
    if (this.#outside++ === 0) this.#outsideSince = this.#listener.now();
    return () => {
      if (--this.#outside > 0) return;
      const spent = this.#listener.now() - this.#outsideSince;
      if (spent > 0) this.#listener.exclude(spent);
    };
  }
}

function isPromiseLike<T>(value: T): value is T & PromiseLike<Awaited<T>> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
