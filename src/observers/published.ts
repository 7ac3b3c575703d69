import type { Attributes, HrTime } from '@opentelemetry/api';
import { hrTime } from '@opentelemetry/core';
import { type MetricDefinition, STATISTICS, STATISTICS_OF } from '../conventions/index.ts';
import type { BoundCounter, BoundGauge, BoundUpDownCounter } from '../telemetry/instruments/bound.ts';
import type { Instrument, InstrumentRegistry } from '../telemetry/instruments/registry.ts';
import { Readers, SampleWindows } from './statistics.ts';

interface Entry {
  readonly series: BoundGauge | BoundCounter | BoundUpDownCounter;
  readonly instrument: Instrument;
  round: number;
  /** Of series that also tell of the samples between two exports. */
  statistics?: Statistics;
}

interface Statistics {
  readonly windows: SampleWindows;
  readonly entries: readonly (readonly [statistic: (typeof STATISTICS)[number], entry: Entry])[];
}

/**
 * What an observer publishes. Every value of a sample is put in by name and key; what a later sample no longer has (a
 * device that was unplugged, a file that cannot be read any more) is taken off, so that it is a gap and not a stale
 * value. Points carry the time of the sample, not of the export.
 */
export class Published {
  readonly #registry: InstrumentRegistry;
  readonly #scope: string;
  /** By part; see `begin`. */
  readonly #parts = new Map<string, Map<MetricDefinition, Map<string, Entry>>>();
  #entries = new Map<MetricDefinition, Map<string, Entry>>();
  readonly #readers = new Readers();
  readonly #sampled = new Set<Entry>();
  #round = 0;
  #time: HrTime | undefined;
  #stopCollecting: (() => void) | undefined;

  constructor(registry: InstrumentRegistry, scope: string) {
    this.#registry = registry;
    this.#scope = scope;
  }

  /**
   * Begins a sample that was taken at `time`; default now. `part`: of what is not read each time; `end` takes off what
   * the part no longer has, and leaves the others with the values and the time of their own last sample.
   */
  begin(time: HrTime = hrTime(), part = ''): void {
    this.#round++;
    this.#time = time;
    let entries = this.#parts.get(part);
    if (!entries) this.#parts.set(part, (entries = new Map()));
    this.#entries = entries;
  }

  /** A gauge or an up-down counter. `attributesOf` is asked only when the key is new. */
  set(
    definition: MetricDefinition,
    key: string,
    value: number | undefined,
    attributesOf: () => Attributes,
  ): void {
    if (value === undefined || !Number.isFinite(value)) return;
    this.#set(definition, key, value, attributesOf);
  }

  /** A gauge that also tells minimum, mean and maximum of the samples since the last export (`NAME.min` ...). */
  sampled(
    definition: MetricDefinition,
    key: string,
    value: number | undefined,
    attributesOf: () => Attributes,
  ): void {
    if (value === undefined || !Number.isFinite(value)) return;
    const entry = this.#set(definition, key, value, attributesOf);
    entry.statistics ??= this.#statistics(definition, entry, attributesOf);
    entry.statistics.windows.add(value);
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
    let series = this.#entry(definition, key, attributesOf, startTime).series as BoundCounter;
    if (value < series.value / 2) {
      // Counted anew (a driver was loaded again): a new series, so that its start says so.
      this.#remove(definition, key);
      series = this.#entry(definition, key, attributesOf, undefined).series as BoundCounter;
    }
    series.endTime = this.#time;
    if (value >= series.value) series.setTotal(value);
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
    for (const part of this.#parts.keys()) {
      this.begin(undefined, part);
      this.end();
    }
    this.#stopCollecting?.();
    this.#stopCollecting = undefined;
  }

  #set(definition: MetricDefinition, key: string, value: number, attributesOf: () => Attributes): Entry {
    const entry = this.#entry(definition, key, attributesOf, undefined);
    const series = entry.series as BoundGauge | BoundUpDownCounter;
    series.set(value);
    series.endTime = this.#time;
    return entry;
  }

  #statistics(definition: MetricDefinition, entry: Entry, attributesOf: () => Attributes): Statistics {
    const definitions = STATISTICS_OF.get(definition);
    if (!definitions) throw new TypeError(`${definition.name} has no statistics in the conventions`);
    this.#sampled.add(entry);
    this.#stopCollecting ??= this.#registry.onCollect((reader) => this.#tellStatistics(reader));
    const entries = STATISTICS.map((statistic) => {
      const instrument = this.#registry.gauge(definitions[statistic], this.#scope);
      const series = instrument.bind(attributesOf());
      return [statistic, { series, instrument, round: 0 }] as const;
    });
    return { windows: new SampleWindows(), entries };
  }

  /** Just before an export: what the samples were since that reader's last one. */
  #tellStatistics(reader: object): void {
    const number = this.#readers.numberOf(reader);
    for (const { series, statistics } of this.#sampled) {
      if (!statistics) continue;
      const values = statistics.windows.take(number);
      for (const [statistic, entry] of statistics.entries) {
        const gauge = entry.series as BoundGauge;
        if (values) gauge.set(values[statistic]);
        else gauge.clear();
        gauge.endTime = series.endTime;
      }
    }
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
    this.#sampled.delete(entry);
    for (const [, { instrument, series }] of entry.statistics?.entries ?? []) instrument.remove(series);
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
