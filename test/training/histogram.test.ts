import { describe, expect, it } from 'vitest';
import { readJournal } from '../../src/training/index.ts';
import { rankFolder } from '../../src/training/journal/folder.ts';
import { sinkRecords } from '../../src/training/export.ts';
import { type HistogramInput, histogramOf } from '../../src/training/values/histogram.ts';
import { startTestRun } from './starting.ts';
import { temporaryFolder } from './temporary.ts';

describe('values in bins', () => {
  it('lie where NumPy puts them', () => {
    // numpy.histogram([1, 2, 2.5, 4, 5], bins=4) and ([7, 7], bins=2)
    expect(histogramOf([1, 2, 2.5, 4, 5], 4)).toMatchObject({
      edges: [1, 2, 3, 4, 5],
      counts: [1, 2, 0, 2],
      min: 1,
      max: 5,
      sum: 14.5,
    });
    expect(histogramOf([7, 7], 2)).toMatchObject({ edges: [6.5, 7, 7.5], counts: [0, 2] });
    expect(histogramOf([1, 2, 3]).counts).toHaveLength(64);
  });

  it.each<[string, HistogramInput, number]>([
    ['floats of 32 bits', Float32Array.from([0.1, -0.5, 3, 3]), 4],
    ['big integers', BigInt64Array.from([-5n, 0n, 5n]), 3],
    ['a set', new Set([1, 2]), 2],
    ['all doubles there are', [-Number.MAX_VALUE, 0, Number.MAX_VALUE], 3],
    ['doubles side by side', [1, 1 + Number.EPSILON], 2],
    ['the smallest ones', [0, 5e-324, 1e-323], 3],
    ['equal ones, large', [1e300, 1e300], 2],
    ['the largest one', [Number.MAX_VALUE], 1],
  ])('are all counted, each once: %s', (_what, values, finite) => {
    const { edges, counts } = histogramOf(values);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(finite);
    expect(
      edges.every((edge, index) => Number.isFinite(edge) && (index === 0 || edge > edges[index - 1]!)),
    ).toBe(true);
    expect(edges).toHaveLength(counts.length + 1);
  });

  it('lie between the edges of their bin, whatever they are', () => {
    let random = 1;
    const next = (): number => (random = (random * 48_271) % 2_147_483_647) / 2_147_483_647;
    for (let round = 0; round < 50; round++) {
      const scale = 10 ** (next() * 40 - 20);
      const values = Array.from({ length: 200 }, () => (next() - 0.3) * scale);
      const { edges, counts } = histogramOf(values, 1 + Math.floor(next() * 511));
      const expected = counts.map(
        (_, bin) =>
          values.filter(
            (value) =>
              value >= edges[bin]! &&
              (value < edges[bin + 1]! || (bin === counts.length - 1 && value === edges.at(-1))),
          ).length,
      );
      expect(counts).toEqual(expected);
    }
  });

  it('that are not finite are counted apart', () => {
    expect(histogramOf([Number.NaN, 1, Infinity, -Infinity, Infinity], 1)).toMatchObject({
      counts: [1],
      nan: 1,
      positiveInfinity: 2,
      negativeInfinity: 1,
      sum: 1,
    });
    expect(histogramOf([Number.NaN])).toEqual({
      edges: [],
      counts: [],
      nan: 1,
      positiveInfinity: 0,
      negativeInfinity: 0,
    });
  });

  it('may be counted elsewhere', () => {
    const bins = { edges: Float64Array.from([0, 1, 4]), counts: [2n, 3], nan: 1 };
    expect(histogramOf(bins)).toMatchObject({ edges: [0, 1, 4], counts: [2, 3], nan: 1, sum: undefined });
  });

  it.each<[unknown, RegExp]>([
    [undefined, /list of numbers was expected, undefined came/],
    ['12', /expected, string came/],
    [[1, 'two'], /among them is string/],
    [{ edges: [0, 1], counts: [1, 2] }, /2 edges for 2 counts/],
    [{ edges: [1, 0], counts: [1] }, /do not rise/],
    [{ edges: [0, Infinity], counts: [1] }, /not finite/],
    [{ edges: [0, 1], counts: [-1] }, /no number from 0 on/],
    [
      { edges: Array.from({ length: 514 }, (_, at) => at), counts: Array.from({ length: 513 }, () => 1) },
      /513 bins/,
    ],
  ])('cannot be %j', (values, complaint) => {
    expect(() => histogramOf(values as HistogramInput)).toThrow(complaint);
  });
});

describe('a histogram of a run', () => {
  it('is an event of its own, at the last step', async () => {
    const { run, receiver } = await startTestRun({ journalDir: temporaryFolder() });
    run.step({ 'train/loss': 1 }, { step: 7 });
    run.histogram('gradients/a', [1, 2, Number.NaN], { bins: 1, epoch: 0.5 });
    run.histogram('gradients/b', { edges: [0, 1], counts: [3] }, { step: 3, time: 5 });
    await run.finish();
    expect(receiver.named('llm.training.histogram')).toMatchObject([
      {
        attributes: {
          'llm.run.seq': 2,
          'llm.training.step': 7,
          'llm.training.epoch': 0.5,
          'llm.histogram.name': 'gradients/a',
        },
        body: { edges: [1, 2], counts: [2], min: 1, max: 2, sum: 3, nan: 1 },
      },
      {
        time: 5,
        attributes: { 'llm.training.step': 3, 'llm.histogram.name': 'gradients/b' },
        body: { edges: [0, 1], counts: [3] },
      },
    ]);
    // it moved no step number on
    expect(run.stats().recorded).toBe(5);
  });

  it('is in the journal, and is for trackers what it was', async () => {
    const journalDir = temporaryFolder();
    const { run } = await startTestRun({ journalDir });
    run.histogram('activations', Float32Array.from([0.1, -0, 3e38, Infinity]));
    await run.finish();
    const found = [];
    for await (const entry of readJournal(rankFolder(journalDir, run.id, 0)))
      if (entry.record.event === 'llm.training.histogram') found.push(...sinkRecords(entry));
    expect(found).toMatchObject([
      {
        kind: 'histogram',
        step: 0,
        name: 'activations',
        histogram: histogramOf(Float32Array.from([0.1, -0, 3e38, Infinity])),
      },
    ]);
  });

  it('that cannot be is left out, counted and noted; nothing is thrown', async () => {
    const { run, receiver } = await startTestRun({ journalDir: temporaryFolder() });
    run.histogram('gradients/a', undefined as unknown as number[]);
    run.histogram('gradients/a', [1], { bins: 0 });
    await run.finish();
    run.histogram('gradients/a', [1]);
    expect(run.stats()).toMatchObject({ skipped: 2, late: 1 });
    expect(receiver.named('llm.run.note').map(({ body }) => body)).toEqual([
      'gradients/a was left out: a list of numbers was expected, undefined came.',
    ]);
  });
});
