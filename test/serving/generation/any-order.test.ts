import { array, assert, constantFrom, integer, property, tuple } from 'fast-check';
import { expect, it } from 'vitest';
import { METRIC, OUTCOMES } from '../../../src/conventions/index.ts';
import type { Generation } from '../../../src/serving/generation/generation.ts';
import { startGeneration } from '../../../src/serving/generation/start.ts';
import { newModel, sumOf, total } from './recorded.ts';

const CALLS: Readonly<Record<string, (generation: Generation, n: number) => void>> = {
  queueEnd: (generation) => generation.queueEnd(),
  firstByte: (generation) => generation.firstByte(),
  firstToken: (generation) => generation.firstToken(),
  tokens: (generation, n) => generation.tokens(n - 2),
  chunk: (generation, n) => generation.chunk(n % 2 === 0 ? n : undefined),
  update: (generation, n) =>
    generation.update({ outputTokens: n, finishReasons: n > 5 ? ['length'] : ['stop'] }),
  end: (generation, n) => generation.end({ inputTokens: n }),
  fail: (generation) => generation.fail(new Error('x')),
  abort: (generation) => generation.abort(),
};

it('whatever is called in whatever order, every generation is counted once and nothing stays open', () => {
  assert(
    property(
      array(
        array(tuple(constantFrom(...Object.keys(CALLS)), integer({ min: 0, max: 10 })), { maxLength: 15 }),
        { minLength: 1, maxLength: 5 },
      ),
      (scripts) => {
        const model = newModel();
        for (const script of scripts) {
          const generation = startGeneration({ model });
          for (const [name, n] of script) CALLS[name]?.(generation, n);
          generation.end();
          expect(OUTCOMES).toContain(generation.outcome);
        }
        expect(total(METRIC.servingRequests, model)).toBe(scripts.length);
        expect(total(METRIC.requestDuration, model)).toBe(scripts.length);
        expect(total(METRIC.activeRequests, model)).toBe(0);
        expect(total(METRIC.awaitingFirstToken, model)).toBe(0);
        expect(total(METRIC.timeToFirstToken, model)).toBeLessThanOrEqual(scripts.length);
        for (const metric of [METRIC.requestDuration, METRIC.timeToFirstToken, METRIC.timePerOutputToken])
          expect(sumOf(metric, model)).toBeGreaterThanOrEqual(0);
      },
    ),
    { numRuns: 200 },
  );
});
