import { ATTR, type MetricDefinition } from '../../../src/conventions/index.ts';
import { BoundHistogram, type BoundSeries } from '../../../src/telemetry/instruments/bound.ts';
import { instruments } from '../../../src/telemetry/instruments/registry.ts';

/** Every series of a metric whose request model is `model`: the process's registry is shared, the model keeps tests apart. */
export function seriesOf(metric: MetricDefinition, model: string): BoundSeries[] {
  return instruments
    .byName(metric.name)
    .flatMap((instrument) => [...instrument.series()])
    .filter((series) => series.attributes[ATTR.requestModel] === model);
}

/** Value (counters) or count (histograms) summed over the series whose attributes hold `where`. */
export function total(metric: MetricDefinition, model: string, where: Record<string, unknown> = {}): number {
  let sum = 0;
  for (const series of seriesOf(metric, model)) {
    if (!Object.entries(where).every(([name, value]) => series.attributes[name] === value)) continue;
    sum += series instanceof BoundHistogram ? series.count : (series as unknown as { value: number }).value;
  }
  return sum;
}

/** Sum of a histogram over its series. */
export function sumOf(metric: MetricDefinition, model: string): number {
  let sum = 0;
  for (const series of seriesOf(metric, model)) if (series instanceof BoundHistogram) sum += series.sum;
  return sum;
}

let models = 0;
/** A model name of its own for each test. */
export function newModel(): string {
  return `model-${++models}`;
}
