import { type Attributes, diag, type HrTime } from '@opentelemetry/api';
import { hrTime } from '@opentelemetry/core';
import type { MetricDefinition } from '../../conventions/index.ts';
import { BoundCounter, BoundGauge, BoundHistogram, type BoundSeries, BoundUpDownCounter } from './bound.ts';

/** The SDK stops at 2000 attribute sets an instrument; so do we, and say so. */
const MAX_SERIES = 2000;
const OVERFLOW: Attributes = { 'otel.metric.overflow': true };

/** An instrument and its live series. A series that was removed is not exported again. */
export class Instrument<S extends BoundSeries = BoundSeries> {
  readonly definition: MetricDefinition;
  readonly scope: string;
  readonly #create: (attributes: Attributes, startTime: HrTime) => S;
  readonly #series = new Map<string, S>();
  #warned = false;

  constructor(
    definition: MetricDefinition,
    scope: string,
    create: (attributes: Attributes, startTime: HrTime) => S,
  ) {
    this.definition = definition;
    this.scope = scope;
    this.#create = create;
  }

  /**
   * The series of these attributes, made when new. Keep what it returns: finding it again costs about 1 us.
   * `startTime` (default now): since when a counter counts that is read elsewhere, e.g. the start of the machine.
   */
  bind(attributes: Attributes = {}, startTime?: HrTime): S {
    const key = seriesKey(attributes);
    const found = this.#series.get(key);
    if (found) return found;
    if (this.#series.size >= MAX_SERIES) {
      if (!this.#warned) {
        this.#warned = true;
        diag.warn(
          `llm-otel: ${this.definition.name} has more than ${MAX_SERIES} attribute sets; further ones are joined under otel.metric.overflow. Look for an attribute that differs with every request.`,
        );
      }
      return this.#overflow();
    }
    const series = this.#create(Object.freeze({ ...attributes }), startTime ?? hrTime());
    this.#series.set(key, series);
    return series;
  }

  /** Ends a series: it is not exported again. Without effect for one that is not there. */
  remove(series: S): void {
    const key = seriesKey(series.attributes);
    if (this.#series.get(key) === series) this.#series.delete(key);
  }

  series(): Iterable<S> {
    return this.#series.values();
  }

  #overflow(): S {
    const key = seriesKey(OVERFLOW);
    let series = this.#series.get(key);
    if (!series) {
      series = this.#create(OVERFLOW, hrTime());
      this.#series.set(key, series);
    }
    return series;
  }
}

function seriesKey(attributes: Attributes): string {
  const names = Object.keys(attributes);
  if (names.length > 1) names.sort();
  let key = '';
  for (const name of names) key += `${JSON.stringify(name)}:${JSON.stringify(attributes[name])},`;
  return key;
}

/**
 * The process's own instruments. Asking twice for the same name and scope gives the same instrument. They may be
 * recorded into before telemetry is started: nothing is lost, since the values are cumulative.
 */
export class InstrumentRegistry {
  readonly #instruments = new Map<string, Instrument>();
  readonly #observers = new Set<(reader: object) => void>();

  counter(definition: MetricDefinition, scope: string): Instrument<BoundCounter> {
    return this.#get(
      definition,
      scope,
      'counter',
      (attributes, start) => new BoundCounter(attributes, start),
    );
  }
  upDownCounter(definition: MetricDefinition, scope: string): Instrument<BoundUpDownCounter> {
    return this.#get(
      definition,
      scope,
      'updowncounter',
      (attributes, start) => new BoundUpDownCounter(attributes, start),
    );
  }
  gauge(definition: MetricDefinition, scope: string): Instrument<BoundGauge> {
    return this.#get(definition, scope, 'gauge', (attributes, start) => new BoundGauge(attributes, start));
  }
  histogram(definition: MetricDefinition, scope: string): Instrument<BoundHistogram> {
    const bounds = definition.buckets ?? [];
    return this.#get(
      definition,
      scope,
      'histogram',
      (attributes, start) => new BoundHistogram(attributes, start, bounds),
    );
  }

  /**
   * Calls `observe` synchronously before each collection, so that it can set gauges from a snapshot. It must not do
   * I/O. `reader` is who collects, always the same object for one metric reader: what is told since the last collection
   * must be kept for each. What it throws is logged and costs no other observer anything. Returns the way to stop.
   */
  onCollect(observe: (reader: object) => void): () => void {
    this.#observers.add(observe);
    return () => this.#observers.delete(observe);
  }

  /** For producers: runs the observers, then gives every instrument. */
  collect(errors: unknown[], reader: object = this): Iterable<Instrument> {
    for (const observe of this.#observers) {
      try {
        observe(reader);
      } catch (error) {
        errors.push(error);
      }
    }
    return this.#instruments.values();
  }

  /** Every instrument of that name, whatever its scope: for readers in the same process (a performance window). */
  byName(name: string): Instrument[] {
    return [...this.#instruments.values()].filter((instrument) => instrument.definition.name === name);
  }

  #get<S extends BoundSeries>(
    definition: MetricDefinition,
    scope: string,
    kind: MetricDefinition['kind'],
    create: (attributes: Attributes, startTime: HrTime) => S,
  ): Instrument<S> {
    if (definition.kind !== kind) {
      throw new TypeError(`${definition.name} is a ${definition.kind} in the conventions, not a ${kind}`);
    }
    const key = `${scope}\u0000${definition.name}`;
    let instrument = this.#instruments.get(key) as Instrument<S> | undefined;
    if (!instrument) {
      instrument = new Instrument(definition, scope, create);
      this.#instruments.set(key, instrument);
    }
    return instrument;
  }
}

/** The instruments of this process: recorders write to it, `startTelemetry` exports it. */
export const instruments = new InstrumentRegistry();
