import { type KillSeries, runKillSeries } from './kill-series.ts';
import { SIGNALS } from './ledger.ts';
import { REAL_HUB, runRealHub } from './real-hub.ts';
import type { IsolationRow } from './row.ts';
import { runScenario } from './scenario.ts';
import { LONG_PACE, SCENARIOS, SHORT, SHORT_PACE } from './scenarios.ts';
import { measureQueue } from './sizing.ts';
import { measureThroughput } from './throughput.ts';

export interface SeriesOptions {
  binary: string;
  /** The short form is what CI runs: every sickness once, the real hub, twenty kills, no figures of size and throughput. */
  short: boolean;
  /** Only rows whose name starts so. */
  only?: string;
  random?: () => number;
  onRow?: (row: IsolationRow) => void;
}

const KILL: Pick<KillSeries, 'name' | 'rate' | 'items' | 'patienceMs'> = {
  name: 'kill.sigkill_under_load',
  rate: 30,
  items: 50,
  patienceMs: 90_000,
};
const ROUNDS = { short: 20, long: 100 };
const THROUGHPUT_SECONDS = 8;

/** Runs everything, one after the other, and gives the rows of the isolation table. */
export async function runSeries(options: SeriesOptions): Promise<IsolationRow[]> {
  const { binary, short, only = '', random = Math.random, onRow } = options;
  const rows: IsolationRow[] = [];
  const take = (row: IsolationRow): void => {
    rows.push(row);
    onRow?.(row);
  };
  for (const scenario of SCENARIOS) {
    if (!scenario.name.startsWith(only) || (short && !SHORT.has(scenario.name))) continue;
    take(await runScenario(binary, scenario, short ? SHORT_PACE : LONG_PACE));
  }
  if (REAL_HUB.startsWith(only)) take(await runRealHub(binary, short ? SHORT_PACE : LONG_PACE));
  if (KILL.name.startsWith(only)) {
    take(await runKillSeries(binary, { ...KILL, rounds: short ? ROUNDS.short : ROUNDS.long, random }));
  }
  if (short) return rows;
  for (const signal of SIGNALS) {
    if (`sizing.${signal}`.startsWith(only)) take(await measureQueue(binary, signal));
  }
  for (const signal of SIGNALS) {
    if (`throughput.${signal}`.startsWith(only))
      take(await measureThroughput(binary, signal, THROUGHPUT_SECONDS));
  }
  return rows;
}
