import type { Attributes } from '@opentelemetry/api';
import {
  ATTR,
  CATALOGUE,
  GAUGE_PREFIXES,
  METRIC,
  type MetricDefinition,
  OTHER_GAUGE_PREFIX,
} from '../conventions/index.ts';
import type { BoundCounter, BoundGauge, BoundHistogram } from '../telemetry/index.ts';
import type { InstrumentRegistry } from '../telemetry/index.ts';

/** Instrumentation scope of what a training program records. */
export const TRAINING_SCOPE = 'llm-otel/training';

const KNOWN_GAUGES = new Map(
  CATALOGUE.flatMap((entry) =>
    entry.source.from === 'run'
      ? [[entry.key, { name: entry.source.metric, unit: entry.unit, description: entry.help }] as const]
      : [],
  ),
);
const TAKEN = new Set<string>(Object.values(METRIC).map((metric) => metric.name));

/**
 * The gauge that carries the last value of a user's key to metric back ends: the catalogue's where it knows the key,
 * else by the prefix table. Characters that an instrument's name cannot have become `_`, a name that belongs to
 * another instrument gets `.value`, and a name ends at 255 characters (OpenTelemetry: instrument name syntax).
 */
export function gaugeDefinition(key: string): MetricDefinition {
  const known = KNOWN_GAUGES.get(key);
  if (known) return { kind: 'gauge', ...known };
  const prefix = GAUGE_PREFIXES.find(([keyPrefix]) => key.startsWith(keyPrefix));
  const rest = prefix ? key.slice(prefix[0].length) : key;
  const name = `${prefix ? prefix[1] : OTHER_GAUGE_PREFIX}${rest
    .replaceAll('/', '.')
    .replace(/[^A-Za-z0-9_.-]/g, '_')}`.slice(0, 250);
  return {
    name: TAKEN.has(name) ? `${name}.value` : name,
    kind: 'gauge',
    unit: '1',
    description: `Last value of ${key}`,
  };
}

/** The instruments of one run: bound once, gone when the run ends. */
export class RunInstruments {
  readonly tokens: BoundCounter;
  readonly samples: BoundCounter;
  readonly steps: BoundCounter;
  readonly stepDuration: BoundHistogram;
  readonly #registry: InstrumentRegistry;
  readonly #attributes: Attributes;
  readonly #gauges = new Map<string, BoundGauge>();

  constructor(registry: InstrumentRegistry, runId: string, rank: number) {
    this.#registry = registry;
    this.#attributes = { [ATTR.runId]: runId, [ATTR.rank]: rank };
    this.tokens = registry.counter(METRIC.trainingTokens, TRAINING_SCOPE).bind(this.#attributes);
    this.samples = registry.counter(METRIC.trainingSamples, TRAINING_SCOPE).bind(this.#attributes);
    this.steps = registry.counter(METRIC.trainingSteps, TRAINING_SCOPE).bind(this.#attributes);
    this.stepDuration = registry.histogram(METRIC.stepDuration, TRAINING_SCOPE).bind(this.#attributes);
  }

  gauge(key: string): BoundGauge {
    let gauge = this.#gauges.get(key);
    if (!gauge) {
      gauge = this.#registry.gauge(gaugeDefinition(key), TRAINING_SCOPE).bind(this.#attributes);
      this.#gauges.set(key, gauge);
    }
    return gauge;
  }

  /** Takes every series out of the export. Recording into them afterwards is harmless and not seen. */
  remove(): void {
    const registry = this.#registry;
    registry.counter(METRIC.trainingTokens, TRAINING_SCOPE).remove(this.tokens);
    registry.counter(METRIC.trainingSamples, TRAINING_SCOPE).remove(this.samples);
    registry.counter(METRIC.trainingSteps, TRAINING_SCOPE).remove(this.steps);
    registry.histogram(METRIC.stepDuration, TRAINING_SCOPE).remove(this.stepDuration);
    for (const [key, gauge] of this.#gauges)
      registry.gauge(gaugeDefinition(key), TRAINING_SCOPE).remove(gauge);
  }
}
