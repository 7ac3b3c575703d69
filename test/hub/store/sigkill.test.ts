import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openSqliteStore } from '../../../src/hub/store/open.ts';
import { temporaryDirectory } from './opened.ts';

const CHILD = fileURLToPath(new URL('./appending-child.ts', import.meta.url));

/** Runs the child until it has acknowledged `count` requests, kills it, and gives all that it acknowledged. */
async function killAfter(
  dataDir: string,
  first: number,
  sealPoints: number,
  count: number,
): Promise<number[]> {
  const child = spawn(process.execPath, [CHILD, dataDir, String(first), String(sealPoints)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const acknowledged: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(Number(line));
    // What it wrote before it died still comes out of the pipe.
    if (acknowledged.length === count) child.kill('SIGKILL');
  }
  const [, signal] = (await exited) as [number | null, string | null];
  expect(signal).toBe('SIGKILL');
  return acknowledged;
}

test('killed with SIGKILL under load, again and again, it has everything it acknowledged, once', async () => {
  const dataDir = temporaryDirectory();
  const acknowledged = new Set<number>();
  let first = 0;
  // Few points a sealing: kills fall before, into and after sealings.
  for (const [sealPoints, count] of [
    [1_000_000, 1],
    [50, 40],
    [1_000_000, 150],
    [300, 333],
    [20, 77],
  ] as const) {
    for (const n of await killAfter(dataDir, first, sealPoints, count)) acknowledged.add(n);
    first = Math.max(...acknowledged) + 1000;
  }
  const store = openSqliteStore({ dataDir });
  try {
    const series = await store.points({ name: 'm', where: {}, from: 0, to: Infinity, maxPoints: 0 });
    expect(series.length).toBe(10);
    for (const { value } of series) {
      const stored = new Set(value);
      expect(stored.size).toBe(value.length);
      expect([...acknowledged].filter((n) => !stored.has(n))).toEqual([]);
    }
    const steps = await store.series({ run: 'run', key: 'train/loss', x: 'step', maxPoints: 0 });
    expect(new Set(steps?.step).size).toBe(steps?.step.length);
    expect([...acknowledged].filter((n) => !steps?.step.includes(n))).toEqual([]);
    const run = await store.run('run');
    expect(run?.steps).toBe(steps?.total);
    expect(run?.keys[0]?.points).toBe(steps?.total);
    const spans = (await store.trace('ab'.repeat(16))).map(({ spanId }) => Number.parseInt(spanId, 16) - 1);
    expect(new Set(spans).size).toBe(spans.length);
    expect([...acknowledged].filter((n) => !spans.includes(n))).toEqual([]);
    expect((await store.traces({ limit: 1 })).traces[0]?.spans).toBe(spans.length);
  } finally {
    await store.close();
  }
  const database = new DatabaseSync(join(dataDir, 'hub.db'), { readOnly: true });
  const events = (database.prepare('SELECT body FROM event').all() as { body: string }[]).map(
    ({ body }) => body,
  );
  database.close();
  expect(new Set(events).size).toBe(events.length);
  expect([...acknowledged].filter((n) => !events.includes(`"event ${n}"`))).toEqual([]);
}, 60_000);
