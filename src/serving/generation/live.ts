import { type Context, diag, type Span, SpanStatusCode } from '@opentelemetry/api';
import { ATTR, type Outcome } from '../../conventions/index.ts';
import { addExitHook } from '../../telemetry/exit.ts';
import { instruments } from '../../telemetry/instruments/registry.ts';
import { type Abandonable, DeadlineWatch } from './deadline.ts';
import { hasFinishedListeners, publishFinished } from './finished.ts';
import type { GenerationOptions, GenerationResult } from './generation.ts';
import { meetsObjectives } from './objectives.ts';
import { errorTypeOf, isAbort, outcomeOf } from './outcome.ts';
import { mergeResult } from './result.ts';
import { type RunningSeries, SeriesCache, type SeriesIdentity } from './series.ts';
import { servingSettings } from './settings.ts';
import { replyAttributes } from './span-attributes.ts';

const cache = new SeriesCache(instruments);
const watch = new DeadlineWatch();

/** `error.type` of a generation that nobody ended. */
const ABANDONED = 'abandoned';

let watchingExit = false;

/**
 * What is under way when the process ends is closed in time for the last flush, with `error.type` `process_exit`. Only
 * where spans are recorded: without an SDK there is nothing to flush, and no reason to listen to signals.
 */
function watchExit(): void {
  watchingExit = true;
  addExitHook({
    name: 'open generations',
    order: 50,
    flush(reason) {
      watch.closeAll(reason === 'drained' ? ABANDONED : 'process_exit');
    },
  });
}

/** Generations that have not ended, for tests and for the self-check. */
export function liveGenerations(): number {
  return watch.size;
}

/** What a route is looked up in at the end: a router may have found it only after the generation began. */
export interface RouteSource {
  readonly route?: string | undefined;
}

export interface LiveOptions {
  readonly options: GenerationOptions;
  readonly identity: SeriesIdentity;
  readonly span: Span;
  readonly context: Context;
  readonly startTime: number;
  readonly routeSource: RouteSource | undefined;
}

/**
 * A generation under way: times and counts in plain fields, so that a token costs a few field writes. It does not
 * know the object that the user holds, so that this one can be collected when the user loses it.
 *
 * Times are `performance.now()` milliseconds, NaN while not known (a double from the start: V8 need not change the
 * field's representation in the hot path).
 */
export class LiveGeneration implements Abandonable {
  readonly context: Context;
  readonly deadline: number;
  readonly #options: GenerationOptions;
  readonly #identity: SeriesIdentity;
  readonly #routeSource: RouteSource | undefined;
  readonly #span: Span;
  readonly #startTime: number;
  readonly #running: RunningSeries;
  #result: GenerationResult = {};
  #firstToken = Number.NaN;
  #firstByte = Number.NaN;
  #queueEnd = Number.NaN;
  #lastChunk = Number.NaN;
  #chunks = 0;
  #countedTokens = 0;
  #uncountedChunks = 0;
  ended = false;
  outcome: Outcome | undefined;

  constructor({ options, identity, span, context, startTime, routeSource }: LiveOptions) {
    this.context = context;
    this.#options = options;
    this.#identity = identity;
    this.#routeSource = routeSource;
    this.#span = span;
    this.#startTime = startTime;
    this.deadline = performance.now() + servingSettings().maxGeneration;
    this.#running = cache.running(identity);
    this.#running.active.add(1);
    this.#running.awaitingFirstToken.add(1);
    watch.add(this);
    if (!watchingExit && span.isRecording()) watchExit();
  }

  queueEnd(at: number): void {
    if (this.ended || !Number.isNaN(this.#queueEnd)) return;
    this.#queueEnd = at;
  }

  firstByte(at: number): void {
    if (this.ended || !Number.isNaN(this.#firstByte)) return;
    this.#firstByte = at;
  }

  firstToken(at: number | undefined): void {
    if (this.ended || !Number.isNaN(this.#firstToken)) return;
    this.#firstToken = at ?? performance.now();
    this.#running.awaitingFirstToken.add(-1);
  }

  tokens(count: number, at: number | undefined): void {
    // Not `count <= 0`: NaN, a string or undefined must fall out here too.
    if (this.ended || typeof count !== 'number' || !(count > 0) || count === Infinity) return;
    this.#countedTokens += count;
    if (Number.isNaN(this.#firstToken)) this.firstToken(at);
  }

  chunk(tokens: number | undefined, at: number): void {
    if (this.ended) return;
    this.#chunks++;
    if (typeof tokens === 'number' && tokens > 0 && tokens < Infinity) this.#countedTokens += tokens;
    else this.#uncountedChunks++;
    if (Number.isNaN(this.#firstToken)) this.firstToken(at);
    else if (!Number.isNaN(this.#lastChunk)) {
      this.#running.interChunk.record(at > this.#lastChunk ? (at - this.#lastChunk) / 1000 : 0);
    }
    this.#lastChunk = at;
  }

  update(partial: GenerationResult): void {
    if (this.ended) return;
    this.#result = mergeResult(this.#result, partial);
  }

  end(result: GenerationResult | undefined): void {
    if (this.ended) return;
    if (result) this.update(result);
    this.#close(outcomeOf(this.#result.finishReasons), '', undefined, this.#result.endTime);
  }

  fail(error: unknown, type: string | undefined, endTime: number | undefined): void {
    if (this.ended) return;
    if (type === undefined && isAbort(error)) return this.abort(endTime);
    this.#close('error', type ?? errorTypeOf(error), messageOf(error), endTime);
  }

  abort(endTime: number | undefined): void {
    if (this.ended) return;
    this.#close('aborted', '', undefined, endTime);
  }

  /** The consumer stopped reading: well when the reply had already said that it is complete, else an abort. */
  stopReading(): void {
    if (this.ended) return;
    if (this.#result.finishReasons && this.#result.finishReasons.length > 0) this.end(undefined);
    else this.abort(undefined);
  }

  abandon(type = ABANDONED): void {
    if (this.ended) return;
    this.#close('error', type, 'nobody ended this generation', undefined);
  }

  /** Takes everything back. The span is not ended, so that no processor sees it. */
  discard(): void {
    if (this.ended) return;
    this.ended = true;
    this.#leave();
  }

  #leave(): void {
    watch.delete(this);
    this.#running.active.add(-1);
    if (Number.isNaN(this.#firstToken)) this.#running.awaitingFirstToken.add(-1);
  }

  #close(outcome: Outcome, type: string, message: string | undefined, endTime: number | undefined): void {
    this.ended = true;
    this.outcome = outcome;
    this.#leave();

    const end = Math.max(endTime ?? performance.now(), this.#startTime);
    const duration = end - this.#startTime;
    const result = this.#result;
    const route = this.#identity.route ?? this.#routeSource?.route;
    const identity = route === this.#identity.route ? this.#identity : { ...this.#identity, route };
    const series = cache.ended(identity, result.responseModel);
    const errorType = type === '' ? '' : series.errorType(type);

    const exact = result.outputTokens ?? (this.#uncountedChunks === 0 ? this.#countedTokens : undefined);
    // Zero counted tokens mean "not told", not "none", unless the caller said so.
    const outputTokens = exact === 0 && result.outputTokens === undefined ? undefined : exact;
    const estimated =
      outputTokens === undefined ? this.#countedTokens + this.#uncountedChunks || undefined : undefined;
    const firstTokenAfter = since(this.#startTime, this.#firstToken);
    const successful = outcome === 'completed' || outcome === 'length';
    const timePerOutputToken =
      successful && firstTokenAfter !== undefined && outputTokens !== undefined && outputTokens > 1
        ? Math.max(0, duration - firstTokenAfter) / (outputTokens - 1)
        : undefined;

    const timeToFirstByte = since(this.#startTime, this.#firstByte);
    const queueTime = since(this.#startTime, this.#queueEnd);

    // metrics
    if (timeToFirstByte !== undefined) this.#running.firstByte.record(timeToFirstByte / 1000);
    if (queueTime !== undefined) this.#running.queue.record(queueTime / 1000);
    series.duration(errorType).record(duration / 1000);
    series.requests(outcome, errorType).add(1);
    if (type === ABANDONED) series.abandoned().add(1);
    if (successful && firstTokenAfter !== undefined) series.timeToFirstToken().record(firstTokenAfter / 1000);
    if (timePerOutputToken !== undefined) series.timePerOutputToken().record(timePerOutputToken / 1000);
    const tokens = {
      input: result.inputTokens ?? this.#options.inputTokens,
      output: outputTokens ?? estimated,
      cached: result.cachedTokens,
      reasoning: result.reasoningTokens,
    };
    if (tokens.input) series.tokens('input').add(tokens.input);
    if (tokens.output) series.tokens('output').add(tokens.output);
    if (tokens.cached) series.tokens('cached').add(tokens.cached);
    if (tokens.reasoning) series.tokens('reasoning').add(tokens.reasoning);
    const settings = servingSettings();
    if (settings.objectives) {
      const met = meetsObjectives(settings.objectives, {
        outcome,
        duration,
        timeToFirstToken: firstTokenAfter,
        timePerOutputToken,
      });
      if (met !== undefined) series.objectives(met).add(1);
    }

    // span
    if (this.#span.isRecording()) {
      const attributes = replyAttributes(
        { ...this.#options, route },
        result,
        {
          timeToFirstToken: inSeconds(firstTokenAfter),
          timeToFirstByte: inSeconds(timeToFirstByte),
          timePerOutputToken: inSeconds(timePerOutputToken),
          queueDuration: inSeconds(queueTime),
          chunks: this.#chunks,
          inputTokens: tokens.input,
          outputTokens,
          estimatedOutputTokens: estimated,
        },
        settings,
      );
      attributes[ATTR.outcome] = outcome;
      if (type !== '') {
        attributes[ATTR.errorType] = type;
        this.#span.setStatus({ code: SpanStatusCode.ERROR, message });
      }
      this.#span.setAttributes(attributes);
    }
    // The SDK takes a number beyond performance.now() for milliseconds since 1970.
    this.#span.end(Math.min(end, performance.now()));

    if (hasFinishedListeners()) {
      publishFinished({
        model: this.#identity.model,
        operation: this.#identity.operation,
        route,
        outcome,
        errorType: errorType === '' ? undefined : errorType,
        endTime: end,
        duration,
        timeToFirstToken: successful ? firstTokenAfter : undefined,
        timePerOutputToken,
        queueTime,
        inputTokens: tokens.input ?? 0,
        outputTokens: tokens.output ?? 0,
        cachedTokens: tokens.cached ?? 0,
        reasoningTokens: tokens.reasoning ?? 0,
        firstTokenAfter,
      });
    }
  }
}

/** Runs a part of the recorder that is not hot: its failure is logged and never reaches the caller's reply. */
export function guarded(what: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    diag.error(`llm-otel: ${what} of a generation failed: ${String(error)}`);
  }
}

/** Milliseconds, undefined while `to` is not known; never negative. */
function since(from: number, to: number): number | undefined {
  return Number.isNaN(to) ? undefined : Math.max(0, to - from);
}
function inSeconds(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : milliseconds / 1000;
}

/** Longest error message on a span, in characters. */
const MAX_MESSAGE = 500;

function messageOf(error: unknown): string | undefined {
  const message = typeof error === 'string' ? error : (error as { message?: unknown } | null)?.message;
  return typeof message === 'string' ? message.slice(0, MAX_MESSAGE) : undefined;
}
