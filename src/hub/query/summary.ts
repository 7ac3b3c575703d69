import {
  ATTR,
  METRIC,
  OUTCOMES,
  type Outcome,
  type PerformanceSummary,
  TOKEN_TYPES,
  catalogueEntry,
} from '../../conventions/index.ts';
import type { SeriesIdentity } from '../store/store.ts';
import { type Buckets, countUpTo, total } from './buckets.ts';
import { type Counter, readCounters, readHistograms } from './counters.ts';
import { covered } from './cover.ts';
import { distribution, merged } from './distribution.ts';
import { evaluate } from './evaluate.ts';
import type { Increment, Window } from './increase.ts';
import { rate } from './rate.ts';
import type { Reading } from './reading.ts';

/** A summary has one value for its window; columns keep reads small and coverage fine enough. */
const SUMMARY_COLUMNS = 60;

/** Objectives of serving, in seconds. */
export interface Objectives {
  ttft?: number;
  tpot?: number;
  duration?: number;
}

/**
 * The performance of serving in a window. Rates are over the time that the reports cover (`coverage`), so a server
 * that has run for a minute shows its own throughput in every longer window.
 *
 * Percentiles come from histogram buckets: the error is at most the width of the bucket.
 * @param where further attributes to look at, e.g. one model.
 */
export async function performanceSummary(
  reading: Reading,
  window: Window,
  where: Record<string, string> = {},
  objectives: Objectives = {},
): Promise<PerformanceSummary> {
  const query = (name: string) => ({ name, where, ...window, columns: SUMMARY_COLUMNS });
  const counters = async (name: string) =>
    (await readCounters(reading, query(name))).map((counter) => over(counter, window));
  const buckets = async (name: string) => merged(await histograms(name));
  const histograms = async (name: string) =>
    (await readHistograms(reading, query(name))).map((histogram) => histogram.increments(window));

  const [requests, durations, tokens, slo] = await Promise.all([
    counters(METRIC.servingRequests.name),
    counters(METRIC.requestDuration.name),
    counters(METRIC.servingTokens.name),
    counters(METRIC.sloRequests.name),
  ]);
  const [duration, ttft, tpot, queue] = await Promise.all([
    buckets(METRIC.requestDuration.name),
    buckets(METRIC.timeToFirstToken.name),
    buckets(METRIC.timePerOutputToken.name),
    buckets(METRIC.queueDuration.name),
  ]);
  // A server of another make may send the convention's histogram alone.
  const ended = requests.length > 0 ? requests : durations;
  const counts = outcomes(ended);
  const seconds = covered([...ended, ...tokens].flatMap(({ increments }) => increments)) / 1000;
  const perSecond = (amount: number) => rate({ amount, seconds });
  const tokenCounts = totals(tokens, ATTR.tokenType, TOKEN_TYPES);
  return {
    ...window,
    coverage: Math.min(seconds, (window.to - window.from) / 1000),
    requests: counts,
    requestThroughput: perSecond(counts.total),
    errorRate: counts.total > 0 ? counts.error / counts.total : null,
    errorTypes: errorTypes(requests.some(isError) ? requests : durations),
    duration: distribution(duration),
    ttft: distribution(ttft),
    tpot: distribution(tpot),
    queue: distribution(queue),
    tokens: tokenCounts,
    outputTokensPerSecond: tokens.length > 0 ? perSecond(tokenCounts.output) : null,
    goodput: goodput(slo, seconds),
    ...(await machine(reading, window)),
    models: models([...ended, ...tokens]),
    ...(Object.keys(objectives).length > 0
      ? { objectives: attainment(objectives, { ttft, tpot, duration }) }
      : {}),
  };
}

/** A counter's increments in the window. */
interface Counted {
  identity: SeriesIdentity;
  increments: Increment[];
  amount: number;
}
function over(counter: Counter, window: Window): Counted {
  const increments = counter.increments(window);
  return {
    identity: counter.identity,
    increments,
    amount: increments.reduce((sum, { amount }) => sum + amount, 0),
  };
}

const attribute = ({ identity }: Counted, name: string) => identity.attributes[name];

function totals<Key extends string>(
  counters: readonly Counted[],
  name: string,
  keys: readonly Key[],
): Record<Key, number> {
  const sums = Object.fromEntries(keys.map((key) => [key, 0])) as Record<Key, number>;
  for (const counter of counters) {
    const key = attribute(counter, name);
    if (typeof key === 'string' && Object.hasOwn(sums, key)) sums[key as Key] += counter.amount;
  }
  for (const key of keys) sums[key] = Math.round(sums[key]);
  return sums;
}

function outcomes(counters: readonly Counted[]): PerformanceSummary['requests'] {
  const told = counters.map((counter) => {
    const outcome = attribute(counter, ATTR.outcome) as Outcome | undefined;
    if (outcome !== undefined && OUTCOMES.includes(outcome)) return counter;
    const derived: Outcome = isError(counter) ? 'error' : 'completed';
    const attributes = { ...counter.identity.attributes, [ATTR.outcome]: derived };
    return { ...counter, identity: { ...counter.identity, attributes } };
  });
  const sums = totals(told, ATTR.outcome, OUTCOMES);
  return { total: OUTCOMES.reduce((sum, outcome) => sum + sums[outcome], 0), ...sums };
}

function isError(counter: Counted): boolean {
  return attribute(counter, ATTR.errorType) !== undefined && attribute(counter, ATTR.outcome) !== 'aborted';
}

function errorTypes(counters: readonly Counted[]): Record<string, number> {
  const found = new Map<string, number>();
  for (const counter of counters) {
    if (!isError(counter)) continue;
    const type = String(attribute(counter, ATTR.errorType));
    found.set(type, (found.get(type) ?? 0) + counter.amount);
  }
  const whole = [...found].map(([type, amount]) => [type, Math.round(amount)] as const);
  return Object.fromEntries(whole.filter(([, amount]) => amount > 0).sort((a, b) => b[1] - a[1]));
}

function goodput(slo: readonly Counted[], seconds: number): PerformanceSummary['goodput'] {
  const all = slo.reduce((sum, { amount }) => sum + amount, 0);
  const met = slo
    .filter((counter) => String(attribute(counter, ATTR.sloMet)) === 'true')
    .reduce((sum, { amount }) => sum + amount, 0);
  const requestsPerSecond = rate({ amount: met, seconds });
  return all > 0 && requestsPerSecond !== null ? { requestsPerSecond, ratio: met / all } : null;
}

/** CPU and memory as their tiles show them; the GPUs' memory, all GPUs together. */
async function machine(
  reading: Reading,
  window: Window,
): Promise<Pick<PerformanceSummary, 'cpuPercent' | 'memoryPercent' | 'gpuMemoryUtilization'>> {
  const value = async (key: string, anyGpu = false) => {
    const source = catalogueEntry(key)?.source;
    if (!source || source.from === 'run') return null;
    const asked =
      anyGpu && source.from === 'value' ? { ...source, where: {}, join: 'mean' as const } : source;
    return (await evaluate(asked, reading, window)).value;
  };
  return {
    cpuPercent: await value('system/cpu_percent'),
    memoryPercent: await value('system/memory_percent'),
    gpuMemoryUtilization: await value('gpu_0/memory_utilization', true),
  };
}

function models(counters: readonly Counted[]): string[] {
  const names = counters
    .filter(({ amount }) => amount > 0)
    .map((counter) => attribute(counter, ATTR.requestModel))
    .filter((name) => typeof name === 'string');
  return [...new Set(names)].sort();
}

function attainment(
  objectives: Objectives,
  measured: Record<keyof Objectives, Buckets>,
): NonNullable<PerformanceSummary['objectives']> {
  return (['ttft', 'tpot', 'duration'] as const).flatMap((name) => {
    const seconds = objectives[name];
    if (seconds === undefined) return [];
    const all = total(measured[name]);
    return [{ name, seconds, attained: all > 0 ? countUpTo(measured[name], seconds) / all : null }];
  });
}
