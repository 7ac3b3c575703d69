import type { Attributes } from '@opentelemetry/api';
import { ATTR, METRIC, type Outcome, type TokenType } from '../../conventions/index.ts';
import type { BoundCounter, BoundHistogram, BoundUpDownCounter } from '../../telemetry/instruments/bound.ts';
import type { InstrumentRegistry } from '../../telemetry/instruments/registry.ts';

export const SERVING_SCOPE = 'llm-otel.serving';

/** Distinct combinations kept at hand; beyond it (a client that invents model names) the cache starts anew. */
const MAX_CACHED = 1000;
/** Error types kept apart for each combination; further ones are counted as OpenTelemetry's `_OTHER`. */
const MAX_ERROR_TYPES = 50;
const MAX_MODEL_LENGTH = 200;

/** What the metrics of a generation are told apart by. */
export interface SeriesIdentity {
  readonly operation: string;
  readonly provider: string;
  readonly model: string;
  readonly route: string | undefined;
}

/** What is recorded while a generation runs, when the response's model is not known yet. */
export interface RunningSeries {
  readonly active: BoundUpDownCounter;
  readonly awaitingFirstToken: BoundUpDownCounter;
  readonly queue: BoundHistogram;
  readonly firstByte: BoundHistogram;
  readonly interChunk: BoundHistogram;
}

/** What is recorded when a generation ends. Series are made when first needed, so that none is exported empty. */
export class EndedSeries {
  readonly #registry: InstrumentRegistry;
  readonly #base: Attributes;
  readonly #durations = new Map<string, BoundHistogram>();
  readonly #requests = new Map<string, BoundCounter>();
  readonly #tokens = new Map<TokenType, BoundCounter>();
  readonly #objectives = new Map<boolean, BoundCounter>();
  readonly #errorTypes = new Set<string>();
  #timeToFirstToken: BoundHistogram | undefined;
  #timePerOutputToken: BoundHistogram | undefined;
  #abandoned: BoundCounter | undefined;

  constructor(registry: InstrumentRegistry, base: Attributes) {
    this.#registry = registry;
    this.#base = base;
  }

  /** `error.type` as the metrics have it: bounded in number. */
  errorType(type: string): string {
    if (this.#errorTypes.has(type)) return type;
    if (this.#errorTypes.size >= MAX_ERROR_TYPES) return '_OTHER';
    this.#errorTypes.add(type);
    return type;
  }
  /** `errorType` is empty for what is no error. */
  duration(errorType: string): BoundHistogram {
    let series = this.#durations.get(errorType);
    if (!series) {
      const attributes = errorType === '' ? this.#base : { ...this.#base, [ATTR.errorType]: errorType };
      series = this.#registry.histogram(METRIC.requestDuration, SERVING_SCOPE).bind(attributes);
      this.#durations.set(errorType, series);
    }
    return series;
  }
  requests(outcome: Outcome, errorType: string): BoundCounter {
    const key = `${outcome} ${errorType}`;
    let series = this.#requests.get(key);
    if (!series) {
      const attributes: Attributes = { ...this.#base, [ATTR.outcome]: outcome };
      if (errorType !== '') attributes[ATTR.errorType] = errorType;
      series = this.#registry.counter(METRIC.servingRequests, SERVING_SCOPE).bind(attributes);
      this.#requests.set(key, series);
    }
    return series;
  }
  tokens(type: TokenType): BoundCounter {
    let series = this.#tokens.get(type);
    if (!series) {
      const attributes = { ...this.#base, [ATTR.tokenType]: type };
      series = this.#registry.counter(METRIC.servingTokens, SERVING_SCOPE).bind(attributes);
      this.#tokens.set(type, series);
    }
    return series;
  }
  objectives(met: boolean): BoundCounter {
    let series = this.#objectives.get(met);
    if (!series) {
      const attributes = { ...this.#base, [ATTR.sloMet]: met };
      series = this.#registry.counter(METRIC.sloRequests, SERVING_SCOPE).bind(attributes);
      this.#objectives.set(met, series);
    }
    return series;
  }
  timeToFirstToken(): BoundHistogram {
    this.#timeToFirstToken ??= this.#registry
      .histogram(METRIC.timeToFirstToken, SERVING_SCOPE)
      .bind(this.#base);
    return this.#timeToFirstToken;
  }
  timePerOutputToken(): BoundHistogram {
    this.#timePerOutputToken ??= this.#registry
      .histogram(METRIC.timePerOutputToken, SERVING_SCOPE)
      .bind(this.#base);
    return this.#timePerOutputToken;
  }
  abandoned(): BoundCounter {
    this.#abandoned ??= this.#registry.counter(METRIC.abandonedRequests, SERVING_SCOPE).bind(this.#base);
    return this.#abandoned;
  }
}

/** Finds the series of a combination once; attributes are hashed only when a combination is new. */
export class SeriesCache {
  readonly #registry: InstrumentRegistry;
  readonly #running = new Map<string, RunningSeries>();
  readonly #ended = new Map<string, EndedSeries>();

  constructor(registry: InstrumentRegistry) {
    this.#registry = registry;
  }

  running(identity: SeriesIdentity): RunningSeries {
    const key = keyOf(identity, '');
    let series = this.#running.get(key);
    if (!series) {
      const base = attributesOf(identity);
      const registry = this.#registry;
      series = {
        active: registry.upDownCounter(METRIC.activeRequests, SERVING_SCOPE).bind(base),
        awaitingFirstToken: registry.upDownCounter(METRIC.awaitingFirstToken, SERVING_SCOPE).bind(base),
        queue: registry.histogram(METRIC.queueDuration, SERVING_SCOPE).bind(base),
        firstByte: registry.histogram(METRIC.timeToFirstByte, SERVING_SCOPE).bind(base),
        interChunk: registry.histogram(METRIC.interChunkDuration, SERVING_SCOPE).bind(base),
      };
      keep(this.#running, key, series);
    }
    return series;
  }

  ended(identity: SeriesIdentity, responseModel: string | undefined): EndedSeries {
    const key = keyOf(identity, responseModel ?? '');
    let series = this.#ended.get(key);
    if (!series) {
      const base = attributesOf(identity);
      if (responseModel !== undefined) base[ATTR.responseModel] = responseModel.slice(0, MAX_MODEL_LENGTH);
      series = new EndedSeries(this.#registry, base);
      keep(this.#ended, key, series);
    }
    return series;
  }
}

function keyOf({ operation, provider, model, route }: SeriesIdentity, responseModel: string): string {
  return `${operation}\u0000${provider}\u0000${model}\u0000${route ?? ''}\u0000${responseModel}`;
}

function attributesOf({ operation, provider, model, route }: SeriesIdentity): Attributes {
  const attributes: Attributes = {
    [ATTR.operationName]: operation,
    [ATTR.providerName]: provider,
    [ATTR.requestModel]: model.slice(0, MAX_MODEL_LENGTH),
  };
  if (route !== undefined) attributes[ATTR.httpRoute] = route;
  return attributes;
}

function keep<T>(cache: Map<string, T>, key: string, value: T): void {
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(key, value);
}
