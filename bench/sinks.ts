/**
 * What trackers cost the loop: `run.step` with ten values without any, with all nine kinds at once, and with five of
 * which one hangs and one refuses; and the same values through W&B's client (offline) and MLflow's (SQLite, no server
 * between) where the Python of the real tests is there. What the sinks do between the program's turns is not a step's.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
// @ts-expect-error plain JavaScript without declarations
import { pythonEnvironment } from '../scripts/real-install.mjs';
import type { TrackerOptions } from '../src/trackers/index.ts';
import { type Run, startRun } from '../src/training/index.ts';
import { everyTracker, Places } from '../test/trackers/all-sinks/places.ts';
import { type BenchRow, benchRow, median } from './row.ts';

const ROUNDS = 25;
/** The first rounds are the compiler's. */
const WARM = 10;
const STEPS = 1000;
/** Steps of a round of the clients: they take long. */
const CLIENT_STEPS = { wandb: 200, mlflow: 20 } as const;
const KEYS = Array.from({ length: 10 }, (_, index) => `train/value_${index}`);

export async function benchSinks(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-otel-bench-'));
  const [well, ill] = [await Places.start(join(folder, 'well')), await Places.start(join(folder, 'ill'))];
  ill.mlflow.disturb = () => ({ status: 503, text: 'not now' });
  const recover = ill.wandb.hang();
  const runs = {
    none: await start(folder, 'none', [], {}),
    all: await start(folder, 'all', everyTracker(well.addresses), well.env),
    sick: await start(folder, 'sick', everyTracker(ill.addresses).filter(isOfFive), ill.env),
  };
  const clients = await startClients(folder);
  const spent: Record<string, number[]> = { none: [], all: [], sick: [], wandb: [], mlflow: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(runs)) {
      spent[name]?.push(timed(run));
      await run.flush();
    }
    if (clients && round >= WARM)
      for (const [client, steps] of Object.entries(CLIENT_STEPS))
        spent[client]?.push(await clients.steps(client, steps));
  }
  clients?.end();
  recover();
  await Promise.all(Object.values(runs).map((run) => run.finish()));
  await Promise.all([well.close(), ill.close()]);
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });

  const settled = (name: string): number => median((spent[name] ?? []).slice(name in runs ? WARM : 0));
  const [none, all, sick] = [settled('none'), settled('all'), settled('sick')];
  const against = { name: 'no tracker, us', value: none };
  const rows = [
    benchRow({ name: 'sinks.step_all', value: all, unit: 'us', goal: 2, better: 'lower', against }),
    benchRow({ name: 'sinks.step_sick', value: sick, unit: 'us', goal: 2, better: 'lower', against }),
    benchRow({
      name: 'sinks.step_sick_vs_none',
      value: sick / none,
      unit: 'x',
      goal: 1.3,
      better: 'lower',
      against,
    }),
  ];
  for (const client of clients ? Object.keys(CLIENT_STEPS) : []) {
    const value = settled(client);
    rows.push(
      benchRow({
        name: `sinks.step_all_vs_${client}`,
        value: value / all,
        unit: 'x',
        goal: 30,
        better: 'higher',
        against: { name: `${client} client, us`, value },
      }),
    );
  }
  return rows;
}

/** Two that are ill and three that are well. */
function isOfFive(tracker: TrackerOptions): boolean {
  if ('sink' in tracker) return false;
  if (tracker.platform === 'local') return tracker.format !== 'csv';
  return tracker.platform === 'mlflow' || (tracker.platform === 'wandb' && tracker.mode === 'online');
}

function start(
  folder: string,
  id: string,
  trackers: readonly TrackerOptions[],
  env: Record<string, string>,
): Promise<Run> {
  return startRun({
    project: 'bench',
    id,
    journalDir: join(folder, 'journal'),
    exporter: false,
    flushInterval: 3_600_000,
    finishTimeout: 300,
    trackers,
    onError: () => {},
    env: { OTEL_SDK_DISABLED: 'true', ...env },
  });
}

let number = 0;
/** Microseconds a step. */
function timed(run: Run): number {
  const begin = performance.now();
  for (let i = 0; i < STEPS; i++) {
    number++;
    const x = Math.sin(number * 1e-3);
    run.step({
      'train/value_0': x,
      'train/value_1': x + 1,
      'train/value_2': x + 2,
      'train/value_3': x + 3,
      'train/value_4': x + 4,
      'train/value_5': x + 5,
      'train/value_6': x + 6,
      'train/value_7': x + 7,
      'train/value_8': x + 8,
      'train/value_9': x + 9,
    });
  }
  return ((performance.now() - begin) * 1000) / STEPS;
}

interface Clients {
  steps(client: string, count: number): Promise<number>;
  end(): void;
}

async function startClients(folder: string): Promise<Clients | undefined> {
  const environment = pythonEnvironment() as string;
  if (!existsSync(join(environment, '.complete'))) {
    process.stderr.write(
      "bench: sinks.step_all_vs_* left out: npm run real:install brings the clients' Python\n",
    );
    return undefined;
  }
  const program = fileURLToPath(new URL('sinks/clients.py', import.meta.url));
  const child = spawn(join(environment, 'bin', 'python'), [program, folder, KEYS.join(',')], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done)
      throw new Error("the trackers' own clients ended early; run bench/sinks/clients.py by hand to see why");
    return value;
  };
  while ((await line()) !== 'ready');
  return {
    async steps(client, count) {
      child.stdin.write(`${client} ${count}\n`);
      return Number(await line());
    },
    end: () => child.stdin.end(),
  };
}
