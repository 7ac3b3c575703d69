import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { openSqliteStore } from '../../../src/hub/store/open.ts';
import type { SqliteStore } from '../../../src/hub/store/sqlite-store.ts';
import { temporaryDirectory } from './opened.ts';
import { gauge, put, runEvents, T0 } from './requests.ts';

/**
 * Random operations against a model as simple as can be: maps of series to points. Sealing and reopening come
 * anywhere between, and must change nothing that a reader can see.
 */
type Operation =
  | { kind: 'points'; series: number; times: number[]; values: number[] }
  | { kind: 'steps'; run: number; rank: number; seqs: number[]; values: number[] }
  | { kind: 'seal' }
  | { kind: 'reopen' }
  | { kind: 'read'; series: number; run: number };

const value = fc.oneof(fc.double(), fc.constantFrom(NaN, Infinity, -Infinity, -0));
const values = fc.array(value, { minLength: 20, maxLength: 20 });
const small = fc.array(fc.nat(60), { minLength: 1, maxLength: 20 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('points' as const), series: fc.nat(2), times: small, values }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('steps' as const),
      run: fc.nat(1),
      rank: fc.nat(1),
      seqs: small,
      values,
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'seal' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('read' as const), series: fc.nat(2), run: fc.nat(1) }),
  },
);

class Model {
  readonly points = new Map<number, Map<number, number>>();
  readonly steps = new Map<string, Map<number, number>>();

  addPoint(series: number, time: number, value: number): void {
    const points = this.points.get(series) ?? new Map<number, number>();
    if (!points.has(time)) points.set(time, value);
    this.points.set(series, points);
  }
  addStep(run: number, rank: number, seq: number, value: number): void {
    const key = `${run}/${rank}`;
    const steps = this.steps.get(key) ?? new Map<number, number>();
    if (!steps.has(seq)) steps.set(seq, value);
    this.steps.set(key, steps);
  }
}

async function comparePoints(store: SqliteStore, model: Model, series: number): Promise<void> {
  const all = { name: 'm', where: { s: String(series) }, from: -Infinity, to: Infinity, maxPoints: 0 };
  const [found] = await store.points(all);
  const wanted = [...(model.points.get(series) ?? [])].sort(([a], [b]) => a - b);
  expect([...(found?.time ?? [])]).toEqual(wanted.map(([time]) => T0 + time));
  expect([...(found?.value ?? [])]).toEqual(wanted.map(([, v]) => v));
  const [from, to] = [20, 40];
  const [part] = await store.points({ ...all, from: T0 + from, to: T0 + to, before: true });
  const before = wanted.filter(([time]) => time < from).slice(-1);
  const inside = wanted.filter(([time]) => time >= from && time <= to);
  expect([...(part?.time ?? [])]).toEqual([...before, ...inside].map(([time]) => T0 + time));
}

async function compareRun(store: SqliteStore, model: Model, run: number): Promise<void> {
  const ranks = [0, 1].filter((rank) => model.steps.has(`${run}/${rank}`));
  const detail = await store.run(`run-${run}`);
  expect(detail?.ranks ?? []).toEqual(ranks);
  let steps = 0;
  for (const rank of ranks) {
    const wanted = [...model.steps.get(`${run}/${rank}`)!].sort(([a], [b]) => a - b);
    steps += wanted.length;
    const series = await store.series({ run: `run-${run}`, key: 'loss', rank, x: 'step', maxPoints: 0 });
    expect(series?.step).toEqual(wanted.map(([seq]) => seq));
    expect(series?.value.map(Number)).toEqual(wanted.map(([, v]) => v));
    const highest = wanted.at(-1)![0];
    expect(detail?.records.find((one) => one.rank === rank)).toMatchObject({
      stored: wanted.length,
      highestSeq: highest,
      missing: highest + 1 - wanted.length,
    });
  }
  expect(detail?.steps ?? 0).toBe(steps);
  const all = ranks.flatMap((rank) => [...model.steps.get(`${run}/${rank}`)!.values()]);
  const finite = all.filter((v) => Number.isFinite(v));
  const key = detail?.keys.find((one) => one.key === 'loss');
  expect(key?.points ?? 0).toBe(all.length);
  expect(key?.nonFinite ?? 0).toBe(all.length - finite.length);
  if (finite.length > 0) {
    expect(key?.min?.value).toBe(Math.min(...finite));
    expect(key?.max?.value).toBe(Math.max(...finite));
  }
}

test('whatever comes in whatever order, sealed or not, a reader sees each point once and exactly', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 50 }), async (operations) => {
      const dataDir = temporaryDirectory();
      const open = (): SqliteStore => openSqliteStore({ dataDir, durability: 'process', now: () => T0 });
      const model = new Model();
      let store = open();
      try {
        for (const one of operations) {
          switch (one.kind) {
            case 'points': {
              const { series, times } = one;
              const points = times.map((time, i) => ({
                time: T0 + time,
                value: one.values[i]!,
                attributes: { s: series, other: 'x' },
              }));
              await put(store, gauge('m', points));
              for (const [i, time] of times.entries()) model.addPoint(series, time, one.values[i]!);
              break;
            }
            case 'steps': {
              const { run, rank, seqs } = one;
              const records = seqs.map((seq, i) => ({
                event: 'llm.training.step',
                seq,
                step: seq,
                body: { loss: one.values[i]! },
              }));
              await put(store, runEvents({ id: `run-${run}`, rank }, records));
              for (const [i, seq] of seqs.entries()) model.addStep(run, rank, seq, one.values[i]!);
              break;
            }
            case 'seal':
              await store.seal();
              break;
            case 'reopen':
              await store.close();
              store = open();
              break;
            case 'read':
              await comparePoints(store, model, one.series);
              await compareRun(store, model, one.run);
              break;
          }
        }
        for (const series of [0, 1, 2]) await comparePoints(store, model, series);
        for (const run of [0, 1]) await compareRun(store, model, run);
      } finally {
        await store.close();
      }
    }),
    { numRuns: 8 },
  );
}, 120_000);
