import { type Context, context, diag, SpanKind, trace } from '@opentelemetry/api';
import type { Outcome } from '../../conventions/index.ts';
import type { Generation, GenerationOptions, GenerationResult } from './generation.ts';
import { InertGeneration } from './inert.ts';
import { guarded, LiveGeneration, type RouteSource } from './live.ts';
import { SERVING_SCOPE } from './series.ts';
import { servingSettings } from './settings.ts';
import { requestAttributes } from './span-attributes.ts';
import { currentRequestScope } from '../http/request-scope.ts';
import { trackIterable } from './track-iterable.ts';
import { trackReadable } from './track-readable.ts';

/**
 * Starts recording a generation: call it when the request arrives (or give `startTime`), and `end`, `fail` or
 * `abort` when it is over.
 *
 * @example
 * const generation = startGeneration({ model: 'my-model', stream: true, maxTokens: 256 });
 * try {
 *   for await (const token of model.generate(prompt)) {
 *     generation.tokens(1);
 *     response.write(token);
 *   }
 *   generation.end({ inputTokens: 12, finishReasons: ['stop'] });
 * } catch (error) {
 *   generation.fail(error);
 *   throw error;
 * }
 */
export function startGeneration(options: GenerationOptions): Generation {
  const scope = currentRequestScope();
  if (!scope) return open(options, undefined);
  scope.explicitGeneration = true;
  return open({ ...options, startTime: options?.startTime ?? scope.startTime }, scope);
}

/**
 * For the package's own HTTP instrumentation: a generation that it started by itself. It does not mark the request as
 * having an explicit one. `routeSource.route` is read at the end, when the router has found the route.
 */
export function startAutomaticGeneration(options: GenerationOptions, routeSource?: RouteSource): Generation {
  return open(options, routeSource);
}

/** A user who loses a generation leaves it to the collector: it is then closed as abandoned at once. */
const lost = new FinalizationRegistry<LiveGeneration>((live) =>
  guarded('closing', () => {
    live.abandon();
  }),
);

function open(options: GenerationOptions, routeSource: RouteSource | undefined): Generation {
  try {
    return begin(options, routeSource);
  } catch (error) {
    diag.error(`llm-otel: a generation cannot be recorded: ${String(error)}`);
    return new InertGeneration();
  }
}

function begin(options: GenerationOptions, routeSource: RouteSource | undefined): Generation {
  const settings = servingSettings();
  const model = typeof options.model === 'string' && options.model !== '' ? options.model : 'unknown';
  const operation = options.operation ?? 'chat';
  const startTime = options.startTime ?? performance.now();
  const parent = options.context ?? context.active();
  const span = trace.getTracer(SERVING_SCOPE).startSpan(
    `${operation} ${model}`,
    {
      kind: options.kind === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL,
      // The SDK takes a number beyond performance.now() for milliseconds since 1970.
      startTime: Math.min(startTime, performance.now()),
      attributes: requestAttributes(options, model, operation, settings),
    },
    parent,
  );
  const live = new LiveGeneration({
    options,
    identity: {
      operation,
      provider: options.provider ?? settings.provider,
      model,
      route: options.route ?? routeSource?.route,
    },
    span,
    context: trace.setSpan(parent, span),
    startTime,
    routeSource,
  });
  const generation = new RecordedGeneration(live);
  lost.register(generation, live, live);
  return generation;
}

/** What the user holds: a thin front of a `LiveGeneration`. */
class RecordedGeneration implements Generation {
  readonly #live: LiveGeneration;

  constructor(live: LiveGeneration) {
    this.#live = live;
  }
  get context(): Context {
    return this.#live.context;
  }
  get ended(): boolean {
    return this.#live.ended;
  }
  get outcome(): Outcome | undefined {
    return this.#live.outcome;
  }
  queueEnd(at: number = performance.now()): void {
    this.#live.queueEnd(at);
  }
  firstByte(at: number = performance.now()): void {
    this.#live.firstByte(at);
  }
  firstToken(at?: number): void {
    this.#live.firstToken(at);
  }
  tokens(count: number, at?: number): void {
    this.#live.tokens(count, at);
  }
  chunk(tokens?: number, at: number = performance.now()): void {
    this.#live.chunk(tokens, at);
  }
  update(partial: GenerationResult): void {
    guarded('update', () => {
      this.#live.update(partial);
    });
  }
  end(result?: GenerationResult): void {
    if (this.#live.ended) return;
    guarded('end', () => {
      this.#live.end(result);
    });
    lost.unregister(this.#live);
  }
  fail(error: unknown, details?: { type?: string; endTime?: number }): void {
    if (this.#live.ended) return;
    guarded('failure', () => {
      this.#live.fail(error, details?.type, details?.endTime);
    });
    lost.unregister(this.#live);
  }
  abort(endTime?: number): void {
    if (this.#live.ended) return;
    guarded('abort', () => {
      this.#live.abort(endTime);
    });
    lost.unregister(this.#live);
  }
  discard(): void {
    this.#live.discard();
    lost.unregister(this.#live);
  }
  /** The consumer of a tracked stream stopped reading. */
  stopReading(): void {
    if (this.#live.ended) return;
    guarded('end', () => {
      this.#live.stopReading();
    });
    lost.unregister(this.#live);
  }

  track<T>(stream: ReadableStream<T>, tokensOf?: (chunk: T) => number | undefined): ReadableStream<T>;
  track<T>(stream: AsyncIterable<T>, tokensOf?: (chunk: T) => number | undefined): AsyncIterableIterator<T>;
  track<T>(
    stream: AsyncIterable<T> | ReadableStream<T>,
    tokensOf?: (chunk: T) => number | undefined,
  ): AsyncIterableIterator<T> | ReadableStream<T> {
    return isReadableStream(stream)
      ? trackReadable(stream, this, tokensOf)
      : trackIterable(stream, this, tokensOf);
  }
}

/** By shape, not by class: a polyfill's or another realm's stream counts too. A stream of Node's is an async iterable. */
function isReadableStream<T>(stream: AsyncIterable<T> | ReadableStream<T>): stream is ReadableStream<T> {
  const candidate = stream as Partial<ReadableStream<T>>;
  return typeof candidate.getReader === 'function' && typeof candidate.cancel === 'function';
}
