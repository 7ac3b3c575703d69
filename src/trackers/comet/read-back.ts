import type { CometClient } from './client.ts';
import type { HistogramAsset } from './histogram.ts';
import type { Metric } from './messages.ts';

/**
 * What an experiment has already, by Comet's documented REST API (`experiment/...` of version 2): Comet is not known to
 * see that a value comes twice. A value is known by its name, step and millisecond.
 */
export class ReadBack {
  readonly #client: CometClient;
  readonly #experimentKey: string;
  #names: Promise<ReadonlySet<string>> | undefined;
  /** By name: how often a value of that step and time is there. */
  readonly #counts = new Map<string, Promise<Map<string, number>>>();
  #assets: Promise<Map<string, number>> | undefined;

  constructor(client: CometClient, experimentKey: string) {
    this.#client = client;
    this.#experimentKey = experimentKey;
  }

  /** Those that Comet lacks. Asked twice for the same value, it takes it for a second one. A try that failed is the last. */
  async missing(metrics: readonly Metric[], signal?: AbortSignal): Promise<Metric[]> {
    this.#names ??= this.#readNames(signal);
    const names = await this.#names;
    const missing: Metric[] = [];
    for (const metric of metrics) {
      const { name, step, time } = metric;
      if (!names.has(name) || !taken(await this.#of(name, signal), place(step, time))) missing.push(metric);
    }
    return missing;
  }

  async missingHistograms(
    histograms: readonly HistogramAsset[],
    signal?: AbortSignal,
  ): Promise<HistogramAsset[]> {
    this.#assets ??= this.#readAssets(signal);
    const assets = await this.#assets;
    return histograms.filter(({ fileName, step }) => !taken(assets, `${step} ${fileName}`));
  }

  #of(name: string, signal?: AbortSignal): Promise<Map<string, number>> {
    let counts = this.#counts.get(name);
    if (!counts) this.#counts.set(name, (counts = this.#readMetric(name, signal)));
    return counts;
  }

  async #readNames(signal?: AbortSignal): Promise<Set<string>> {
    const rows = await this.#read('metrics/summary', 'values', {}, signal);
    return new Set(rows.map(({ name }) => String(name)));
  }

  async #readMetric(metricName: string, signal?: AbortSignal): Promise<Map<string, number>> {
    const rows = await this.#read('metrics/get-metric', 'metrics', { metricName }, signal);
    return counted(rows.map(({ step, timestamp }) => place(numberOf(step), Number(timestamp))));
  }

  async #readAssets(signal?: AbortSignal): Promise<Map<string, number>> {
    const rows = await this.#read('asset/list', 'assets', { type: 'histogram3d' }, signal);
    return counted(rows.map(({ step, fileName }) => `${Number(step)} ${String(fileName)}`));
  }

  async #read(
    path: string,
    member: string,
    query: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<Readonly<Record<string, unknown>>[]> {
    const where = { experimentKey: this.#experimentKey, ...query };
    const reply = await this.#client.get(`/api/rest/v2/experiment/${path}`, where, signal);
    const rows = reply?.[member];
    return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
  }
}

function place(step: number | null, time: number): string {
  return `${step ?? '-'} ${time}`;
}

function numberOf(step: unknown): number | null {
  return step === null || step === undefined ? null : Number(step);
}

function counted(places: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const one of places) counts.set(one, (counts.get(one) ?? 0) + 1);
  return counts;
}

/** One of them is there; it is not there for the next who asks. */
function taken(counts: Map<string, number>, one: string): boolean {
  const count = counts.get(one) ?? 0;
  if (count > 0) counts.set(one, count - 1);
  return count > 0;
}
