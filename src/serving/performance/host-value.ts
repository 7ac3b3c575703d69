import { type CatalogueEntry, type CatalogueSource, catalogueEntry } from '../../conventions/index.ts';
import { BoundGauge, BoundUpDownCounter } from '../../telemetry/instruments/bound.ts';
import type { InstrumentRegistry } from '../../telemetry/instruments/registry.ts';

type ValueSource = Extract<CatalogueSource, { from: 'value' }>;

/**
 * The present value of a key of the catalogue (`system/cpu_percent`), when an observer of this process publishes it;
 * null otherwise.
 */
export function presentValue(registry: InstrumentRegistry, key: string): number | null {
  const entry: CatalogueEntry | undefined = catalogueEntry(key);
  return entry?.source.from === 'value' ? evaluate(registry, entry.source) : null;
}

/** The highest value of a gauge over all its series; null when there is none. */
export function highestValue(registry: InstrumentRegistry, metric: string): number | null {
  return evaluate(registry, { from: 'value', metric, join: 'max' });
}

function evaluate(registry: InstrumentRegistry, source: ValueSource): number | null {
  const values: number[] = [];
  for (const instrument of registry.byName(source.metric)) {
    for (const series of instrument.series()) {
      if (!(series instanceof BoundGauge ? series.isSet : series instanceof BoundUpDownCounter)) continue;
      const wanted = Object.entries(source.where ?? {});
      if (!wanted.every(([name, value]) => String(series.attributes[name]) === value)) continue;
      const value = (series as BoundGauge | BoundUpDownCounter).value;
      values.push((source.invert ? 1 - value : value) * (source.scale ?? 1));
    }
  }
  if (values.length === 0) return null;
  if (source.join === 'max') return Math.max(...values);
  const sum = values.reduce((a, b) => a + b, 0);
  return source.join === 'sum' ? sum : sum / values.length;
}
