import { startGeneration } from '../src/serving/generation/start.ts';
import { type BenchRow, benchRow, median } from './row.ts';

const ROUNDS = 7;
const TOKENS = 1_000_000;
/** As many generations at once: their fields do not all lie in the nearest cache. */
const GENERATIONS = 64;
const WHOLE = 20_000;

/** Cost of a token, of a chunk (a clock reading and a histogram more) and of a whole generation in the recorder. */
export function benchToken(): Promise<BenchRow[]> {
  const token: number[] = [];
  const chunk: number[] = [];
  const clock: number[] = [];
  const whole: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const generations = Array.from({ length: GENERATIONS }, () =>
      startGeneration({ model: 'bench', stream: true }),
    );
    const figures = [
      nanoseconds(TOKENS, (i) => generations[i % GENERATIONS]?.tokens(1)),
      nanoseconds(TOKENS, (i) => generations[i % GENERATIONS]?.chunk(1)),
      nanoseconds(TOKENS, () => performance.now()),
    ];
    for (const generation of generations) generation.end();
    figures.push(
      nanoseconds(WHOLE, () => {
        const generation = startGeneration({ model: 'bench', stream: true });
        generation.tokens(1);
        generation.end({ inputTokens: 1 });
      }),
    );
    if (round === 0) continue; // the first round compiles
    [token, chunk, clock, whole].forEach((row, i) => row.push(figures[i] as number));
  }
  return Promise.resolve([
    benchRow({ name: 'token.record', value: median(token), unit: 'ns', goal: 50, better: 'lower' }),
    benchRow({
      name: 'token.chunk',
      value: median(chunk),
      unit: 'ns',
      goal: null,
      better: 'lower',
      against: { name: 'performance.now() alone', value: median(clock) },
    }),
    benchRow({
      name: 'token.generation',
      value: median(whole) / 1000,
      unit: 'us',
      goal: null,
      better: 'lower',
    }),
  ]);
}

function nanoseconds(times: number, work: (i: number) => unknown): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < times; i++) work(i);
  return Number(process.hrtime.bigint() - start) / times;
}
