import type { Attributes, HrTime } from '@opentelemetry/api';
import type { MetricDefinition } from '../conventions/index.ts';
import type { BoundCounter, BoundGauge, BoundUpDownCounter } from '../telemetry/instruments/bound.ts';
import type { Instrument, InstrumentRegistry } from '../telemetry/instruments/registry.ts';

interface Entry {
  readonly series: BoundGauge | BoundCounter | BoundUpDownCounter;
  readonly instrument: Instrument;
  round: number;
}

/**
 * What an observer publishes. Every value of a sample is put in by name and key; what a later sample no longer has (a
 * device that was unplugged, a file that cannot be read any more) is taken off, so that it is a gap and not a stale
 * value.
 */
export class Published {
  readonly #registry: InstrumentRegistry;
  readonly #scope: string;
  readonly #entries = new Map<MetricDefinition, Map<string, Entry>>();
  #round = 0;

  constructor(registry: InstrumentRegistry, scope: string) {
    this.#registry = registry;
    this.#scope = scope;
  }

  /** Begins a sample. */
  begin(): void {
    this.#round++;
  }

  /** A gauge or an up-down counter. `attributesOf` is asked only when the key is new. */
  set(
    definition: MetricDefinition,
    key: string,
    value: number | undefined,
    attributesOf: () => Attributes,
  ): void {
    if (value === undefined || !Number.isFinite(value)) return;
    const { series } = this.#entry(definition, key, attributesOf, undefined);
    (series as BoundGauge | BoundUpDownCounter).set(value);
  }

  /** A total that is counted elsewhere since `startTime`. */
  total(
    definition: MetricDefinition,
    key: string,
    value: number | undefined,
    attributesOf: () => Attributes,
    startTime: HrTime,
  ): void {
    if (value === undefined || !Number.isFinite(value) || value < 0) return;
    const series = this.#entry(definition, key, attributesOf, startTime).series as BoundCounter;
    if (value >= series.value) {
      series.setTotal(value);
    } else if (value < series.value / 2) {
      // Counted anew (a driver was loaded again): a new series, so that its start says so.
      this.#remove(definition, key);
      (this.#entry(definition, key, attributesOf, undefined).series as BoundCounter).setTotal(value);
    }
    // A little less than before: the kernel's iowait may go back. A counter must not; it waits.
  }

  /** Ends a sample: what it did not have is taken off. */
  end(): void {
    for (const [definition, entries] of this.#entries) {
      for (const [key, entry] of entries) if (entry.round !== this.#round) this.#remove(definition, key);
    }
  }

  /** Takes everything off. */
  clear(): void {
    this.begin();
    this.end();
  }

  #entry(
    definition: MetricDefinition,
    key: string,
    attributesOf: () => Attributes,
    startTime: HrTime | undefined,
  ): Entry {
    let entries = this.#entries.get(definition);
    if (!entries) {
      entries = new Map();
      this.#entries.set(definition, entries);
    }
    let entry = entries.get(key);
    if (!entry) {
      const instrument = instrumentOf(this.#registry, definition, this.#scope) as unknown as Instrument;
      const series = instrument.bind(attributesOf(), startTime) as Entry['series'];
      entry = { series, instrument, round: this.#round };
      entries.set(key, entry);
    }
    entry.round = this.#round;
    return entry;
  }

  #remove(definition: MetricDefinition, key: string): void {
    const entry = this.#entries.get(definition)?.get(key);
    if (!entry) return;
    entry.instrument.remove(entry.series);
    this.#entries.get(definition)?.delete(key);
  }
}

function instrumentOf(
  registry: InstrumentRegistry,
  definition: MetricDefinition,
  scope: string,
): Instrument<BoundGauge> | Instrument<BoundCounter> | Instrument<BoundUpDownCounter> {
  switch (definition.kind) {
    case 'gauge':
      return registry.gauge(definition, scope);
    case 'counter':
      return registry.counter(definition, scope);
    case 'updowncounter':
      return registry.upDownCounter(definition, scope);
    case 'histogram':
  }
  throw new TypeError(`${definition.name}: a sample has no ${definition.kind}`);
}
