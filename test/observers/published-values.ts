import type { Attributes } from '@opentelemetry/api';
import type { MetricDefinition } from '../../src/conventions/index.ts';
import { BoundGauge, BoundHistogram } from '../../src/telemetry/instruments/bound.ts';
import type { InstrumentRegistry } from '../../src/telemetry/instruments/registry.ts';

/** Values of a metric as an export would have them: attribute values joined by a space → value. */
export function valuesOf(registry: InstrumentRegistry, metric: MetricDefinition): Record<string, number> {
  const values: Record<string, number> = {};
  for (const instrument of registry.byName(metric.name)) {
    for (const series of instrument.series()) {
      if (series instanceof BoundGauge && !series.isSet) continue;
      const { value } = series as unknown as { value: number };
      values[keyOf(series.attributes)] = series instanceof BoundHistogram ? series.count : value;
    }
  }
  return values;
}

/** Names of all series that an export would have, with their attribute names. */
export function namesOf(registry: InstrumentRegistry): Map<string, Set<string>> {
  const names = new Map<string, Set<string>>();
  for (const instrument of registry.collect([])) {
    for (const series of instrument.series()) {
      const attributes = names.get(instrument.definition.name) ?? new Set();
      for (const name of Object.keys(series.attributes)) attributes.add(name);
      names.set(instrument.definition.name, attributes);
    }
  }
  return names;
}

function keyOf(attributes: Attributes): string {
  return Object.values(attributes).join(' ');
}
