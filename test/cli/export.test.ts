import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exportRun, type SeriesSource } from '../../src/cli/export-run.ts';
import { exportRanks, journalSource } from '../../src/cli/export-source.ts';
import type { JsonNumber, RunDetail, RunHistogram, SeriesResponse } from '../../src/conventions/index.ts';
import { EXPORT_FORMATS, type RunSink, type SinkRecord } from '../../src/trackers/index.ts';
import { startTestRun } from '../training/starting.ts';
import { temporaryFolder } from '../training/temporary.ts';

interface Point {
  step: number;
  time: number;
  value: JsonNumber;
}

/** A hub that holds these series of rank 0, and counts what it was asked for at most in one answer. */
function hubOf(
  series: Record<string, Point[]>,
  histograms: RunHistogram[] = [],
): { hub: SeriesSource; largest: () => number } {
  let largest = 0;
  return {
    largest: () => largest,
    hub: {
      async histograms(run, { rank, after, limit }) {
        const found = rank === 0 ? histograms.filter(({ id }) => id > after) : [];
        const page = found.slice(0, limit);
        return { run, histograms: page, next: found.length > limit ? (page.at(-1)?.id ?? null) : null };
      },
      async series(run, key, { rank, from = -Infinity, to = Infinity, maxPoints }) {
        const all = (rank === 0 ? (series[key] ?? []) : [])
          .filter(({ time }) => time >= from && time <= to)
          .toSorted((a, b) => a.time - b.time);
        const kept = maxPoints === 0 || all.length <= maxPoints ? all : [all[0], all.at(-1)];
        if (maxPoints === 0) largest = Math.max(largest, all.length);
        const points = kept as Point[];
        const answer: Partial<SeriesResponse> = {
          run,
          key,
          total: all.length,
          step: points.map(({ step }) => step),
          time: points.map(({ time }) => time),
          value: points.map(({ value }) => value),
        };
        return answer as SeriesResponse;
      },
    },
  };
}

function detail(keys: readonly string[], facts: Partial<RunDetail> = {}): RunDetail {
  return {
    id: 'r1',
    name: 'first',
    project: 'p',
    group: null,
    status: 'interrupted',
    startedAt: 1000,
    endedAt: null,
    attempt: 1,
    worldSize: 1,
    ranks: [0],
    params: {},
    tags: {},
    source: {},
    summary: {},
    keys: keys.map((key) => ({ key })),
    notes: [],
    artifacts: [],
    ...facts,
  } as unknown as RunDetail;
}

class Collecting implements RunSink {
  readonly name = 'collecting';
  readonly records: SinkRecord[] = [];
  status: string | undefined;
  async open(): Promise<void> {}
  async write(batch: readonly SinkRecord[]): Promise<void> {
    this.records.push(...batch);
  }
  async artifact(): Promise<void> {}
  async close(status: string | undefined): Promise<void> {
    this.status = status;
  }
}

describe('a run that a hub holds', () => {
  it('is exported window by window, each step once and whole, wherever its times lie', async () => {
    // bursts, equal times, times from long before the run, steps that come again
    const times = Array.from({ length: 3000 }, (_, i) =>
      i < 50 ? i : 1e12 + Math.floor(i / 3) * (i % 7 === 0 ? 1000 : 0.25),
    );
    const a = times.map((time, i) => ({ step: i % 2500, time, value: i }));
    const b = times
      .filter((_, i) => i % 2 === 0)
      .map((time, i) => ({ step: (i * 2) % 2500, time, value: 'NaN' as const }));
    const { hub, largest } = hubOf({ a, b });
    const sink = new Collecting();
    const note = { time: 1e12 + 100, rank: 0, severity: 'info', text: 'middle' };
    const steps = await exportRun(
      hub,
      detail(['a', 'b', 'of another rank'], { notes: [note] }),
      0,
      sink,
      500,
    );
    expect(largest()).toBeLessThanOrEqual(500);
    const found = sink.records.filter((record) => record.kind === 'step');
    expect(steps).toBe(found.length);
    const valuesOf = (key: string) => found.flatMap(({ values }) => (key in values ? [values[key]] : []));
    expect(valuesOf('a').toSorted((x, y) => (x as number) - (y as number))).toEqual(times.map((_, i) => i));
    expect(valuesOf('b')).toEqual(Array(1500).fill(Number.NaN));
    // what was one record is one again
    expect(found.filter(({ values }) => 'a' in values && 'b' in values)).toHaveLength(1500);
    expect(found.map(({ time }) => time)).toEqual(times.toSorted((x, y) => x - y));
    expect(sink.records.map(({ seq }) => seq)).toEqual(sink.records.map((_, i) => i + 1));
    const at = sink.records.findIndex(({ kind }) => kind === 'note');
    expect(sink.records[at - 1]?.time).toBeLessThanOrEqual(note.time);
    expect(sink.records[at + 1]?.time).toBeGreaterThanOrEqual(note.time);
    expect(sink.status).toBe('killed');
  });

  it('is exported with its histograms, each once, among the steps of its time', async () => {
    const points = Array.from({ length: 100 }, (_, i) => ({ step: i, time: 1000 + i * 10, value: i }));
    const histograms = Array.from({ length: 450 }, (_, i) => ({
      id: i + 1,
      rank: 0,
      name: `gradients/${i}`,
      step: i,
      epoch: null,
      time: 1000 + i * 2.5,
      edges: [0, 1],
      counts: [i],
      min: 0,
      max: null,
      sum: null,
      nan: 1,
      positiveInfinity: 0,
      negativeInfinity: 0,
    }));
    const sink = new Collecting();
    const { hub } = hubOf({ a: points }, histograms);
    expect(await exportRun(hub, detail(['a'], { histograms: 450 }), 0, sink, 20)).toBe(100);
    const found = sink.records.filter((record) => record.kind === 'histogram');
    expect(found.map(({ name }) => name)).toEqual(histograms.map(({ name }) => name));
    expect(found[3]).toMatchObject({
      step: 3,
      epoch: undefined,
      histogram: { edges: [0, 1], counts: [3], min: 0, max: undefined, nan: 1 },
    });
    const times = sink.records.map(({ time }) => time);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(sink.records.map(({ seq }) => seq)).toEqual(sink.records.map((_, i) => i + 1));
  });

  it('without steps is exported too', async () => {
    const sink = new Collecting();
    expect(await exportRun(hubOf({}).hub, detail([], { status: 'finished' }), 0, sink)).toBe(0);
    expect(sink.status).toBe('finished');
  });
});

describe('a run in a journal', () => {
  async function twoRanks(): Promise<string> {
    const journalDir = temporaryFolder();
    for (const rank of [0, 1]) {
      const { run } = await startTestRun({ journalDir, id: 'r1', rank, worldSize: 2 });
      run.step({ loss: rank + 0.5 });
      await run.finish();
    }
    return journalDir;
  }

  it('is exported with all its ranks', async () => {
    const source = await journalSource(await twoRanks(), 'r1');
    const out = join(temporaryFolder(), 'run');
    expect(source.ranks).toEqual([0, 1]);
    expect(await exportRanks(source, source.ranks, EXPORT_FORMATS.csv, out)).toEqual({
      steps: 2,
      problems: [],
    });
    const rows = readFileSync(out, 'utf8').split('\r\n');
    expect(rows.filter((row) => row.startsWith('run,rank'))).toHaveLength(1);
    expect(rows.filter((row) => row.includes(',value,0,')).map((row) => row.split(',')[1])).toEqual(
      expect.arrayContaining(['0', '1']),
    );
    await exportRanks(source, source.ranks, EXPORT_FORMATS.tensorboard, `${out}-tb`);
    expect(readdirSync(`${out}-tb`)).toEqual(['rank-0', 'rank-1']);
  });

  it('that is not there is told, and what was at the path stays', async () => {
    const journalDir = await twoRanks();
    await expect(journalSource(journalDir, 'r2')).rejects.toThrow(/no journal of run r2 in/);
    const source = await journalSource(journalDir, 'r1');
    const out = join(temporaryFolder(), 'run');
    writeFileSync(out, 'old');
    await expect(exportRanks(source, [0, 7], EXPORT_FORMATS.json, out)).rejects.toThrow(
      /no rank 7 .* has 0, 1/,
    );
    expect(readFileSync(out, 'utf8')).toBe('old');
  });
});
