import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunksOf, type Metric } from '../../../src/trackers/comet/messages.ts';
import { RateLimit } from '../../../src/trackers/comet/rate-limit.ts';
import { Thinning } from '../../../src/trackers/comet/thinning.ts';

const value = (step: number, number = step) => ({ value: number, step, epoch: null, time: step });

describe('values of a metric', () => {
  it('are all sent up to the 4096th, then fewer, and 100,000 are fewer than Comet keeps', () => {
    const thinning = new Thinning();
    const sent = Array.from({ length: 100_000 }, (_, step) => step).filter((step) =>
      thinning.keeps('a', value(step)),
    );
    expect(sent.slice(0, 4096)).toEqual(Array.from({ length: 4096 }, (_, step) => step));
    expect(sent.length).toBeGreaterThan(12_000);
    expect(sent.length).toBeLessThan(15_000);
    expect(sent.length + thinning.left).toBe(100_000);
    expect(thinning.last()).toEqual([['a', value(99_999)]]);
    expect(thinning.last()).toEqual([]);
  });

  it('that are not finite are always sent', () => {
    const thinning = new Thinning({ a: [5000, null] });
    expect(thinning.keeps('a', value(5001, Number.NaN))).toBe(true);
    expect(thinning.keeps('a', value(5001, Number.NaN))).toBe(true);
  });

  it('are thinned alike after a restart', () => {
    const whole = new Thinning();
    let pieces = new Thinning();
    for (let step = 0; step < 20_000; step++) {
      if (step % 777 === 0) pieces = new Thinning(JSON.parse(JSON.stringify(pieces.state())));
      expect(pieces.keeps('a', value(step))).toBe(whole.keeps('a', value(step)));
    }
    expect(pieces.last()).toEqual(whole.last());
  });

  it('come in requests of at most 1000, no record in two of them', () => {
    const record = fc.nat(40);
    fc.assert(
      fc.property(fc.array(record, { maxLength: 60 }), (sizes) => {
        const metrics = sizes.flatMap((size, seq) =>
          Array.from(
            { length: size },
            (): Metric => ({ seq, name: 'a', value: 1, step: 0, epoch: 0, time: 0 }),
          ),
        );
        const chunks = chunksOf(metrics, 50);
        expect(chunks.flat()).toEqual(metrics);
        for (const [index, chunk] of chunks.entries()) {
          expect(chunk.length).toBeLessThanOrEqual(50);
          expect(chunk.length).toBeGreaterThan(0);
          const next = chunks[index + 1]?.[0];
          if (next) expect(next.seq).toBeGreaterThan(chunk.at(-1)?.seq ?? -1);
        }
      }),
    );
    const one = Array.from(
      { length: 120 },
      (): Metric => ({ seq: 1, name: 'a', value: 1, step: 0, epoch: 0, time: 0 }),
    );
    expect(chunksOf(one, 50).map(({ length }) => length)).toEqual([50, 50, 20]);
    expect(chunksOf([], 50)).toEqual([]);
  });
});

describe('the rate limit', () => {
  it('never lets more than 12,000 values a minute through, whatever is asked', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.nat(20_000)), { maxLength: 100 }),
        (asked) => {
          const limit = new RateLimit(150, 3000, 0);
          const sent: { at: number; count: number }[] = [];
          let now = 0;
          for (const [count, pause] of asked) {
            now += pause;
            now += limit.take(count, now);
            sent.push({ at: now, count });
          }
          for (const { at } of sent) {
            const inMinute = sent.filter((one) => one.at >= at && one.at < at + 60_000);
            expect(inMinute.reduce((sum, { count }) => sum + count, 0)).toBeLessThanOrEqual(12_000);
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});
