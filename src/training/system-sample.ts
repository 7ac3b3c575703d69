import { ATTR } from '../conventions/index.ts';
import { BoundCounter, BoundGauge, BoundUpDownCounter, type InstrumentRegistry } from '../telemetry/index.ts';
import { SYSTEM_ENTRIES, type SystemEntry } from '../trackers/index.ts';

const INDEX = '{index}';

/**
 * Reads host, GPU and process values by catalogue key from this process's own instruments, where observers run. It
 * does no I/O: it sees what the observers have measured.
 */
export class SystemSampler {
  readonly #registry: InstrumentRegistry;
  readonly #monotonic: () => number;
  /** Totals at the last sample, for rates. */
  #totals = new Map<string, { total: number; at: number }>();

  constructor(registry: InstrumentRegistry, monotonic: () => number) {
    this.#registry = registry;
    this.#monotonic = monotonic;
  }

  /** Values by key; empty where nothing observes. */
  sample(): Record<string, number> {
    // observers bring their instruments up to date
    this.#registry.collect([], this);
    const values: Record<string, number> = {};
    for (const entry of SYSTEM_ENTRIES) {
      for (const index of entry.key.includes(INDEX) ? this.#gpus(entry) : ['']) {
        const value = this.#value(entry, index);
        if (value !== undefined && Number.isFinite(value)) values[entry.key.replace(INDEX, index)] = value;
      }
    }
    return values;
  }

  #gpus({ source }: SystemEntry): string[] {
    const found = new Set<string>();
    for (const instrument of this.#registry.byName(source.metric))
      for (const { attributes } of instrument.series()) {
        const index = attributes[ATTR.gpuIndex];
        if (index !== undefined) found.add(String(index));
      }
    return [...found];
  }

  #value({ key, source }: SystemEntry, index: string): number | undefined {
    const numbers: number[] = [];
    const where = Object.entries(source.where ?? {});
    for (const instrument of this.#registry.byName(source.metric)) {
      for (const series of instrument.series()) {
        const { attributes } = series;
        if (!where.every(([name, wanted]) => String(attributes[name]) === wanted.replace(INDEX, index)))
          continue;
        if (isNumber(series) && (!(series instanceof BoundGauge) || series.isSet)) numbers.push(series.value);
      }
    }
    if (numbers.length === 0) return undefined;
    const sum = numbers.reduce((total, value) => total + value, 0);
    if (source.from === 'rate') return this.#rate(key.replace(INDEX, index), sum, source.scale ?? 1);
    const { join = 'mean', invert = false, scale = 1 } = source;
    const shaped = numbers.map((value) => (invert ? 1 - value : value) * scale);
    if (join === 'max') return Math.max(...shaped);
    const total = shaped.reduce((all, value) => all + value, 0);
    return join === 'sum' ? total : total / shaped.length;
  }

  /** Undefined at the first sample, and after a counter began anew. */
  #rate(key: string, total: number, scale: number): number | undefined {
    const at = this.#monotonic();
    const before = this.#totals.get(key);
    this.#totals.set(key, { total, at });
    if (!before || total < before.total || at <= before.at) return undefined;
    return ((total - before.total) / ((at - before.at) / 1000)) * scale;
  }
}

function isNumber(series: unknown): series is BoundCounter | BoundUpDownCounter | BoundGauge {
  return (
    series instanceof BoundCounter || series instanceof BoundUpDownCounter || series instanceof BoundGauge
  );
}
