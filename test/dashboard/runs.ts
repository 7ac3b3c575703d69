import { FedRun, noise } from './feed.ts';

/** Data end a little before now, so that nothing is of the future. */
export const START = Date.now() - 20 * 60_000;
/** Steps of the run that is under way. */
export const FED_STEPS = 400;
/** Points of the long run: more than any chart has pixels for. */
const LONG = 20_000;
/** A run's name as an attacker would choose it. */
export const HOSTILE = '<img src=x onerror="document.title=1"> "run"';

/** Sends three runs: one under way (`live`, returned), one that failed with NaN (`bad`), a long one (`long`). */
export async function feedRuns(hubUrl: string): Promise<FedRun> {
  const steps = (count: number, loss: (step: number) => number) =>
    Array.from({ length: count }, (_, step) => ({
      step,
      time: START + step * (1_000_000 / count),
      values: {
        'train/loss': loss(step),
        'train/learning_rate': 3e-4,
        'train/grad_norm': noise(step),
        ...(step % 50 === 0 ? { 'val/loss': 2 } : {}),
      },
    }));
  const live = new FedRun(hubUrl, { id: 'live', name: 'under way' });
  await live.start(START, { layers: 4n, optimizer: 'adamw' }, { baseline: true });
  await live.steps(steps(FED_STEPS, (step) => 4 * Math.exp(-step / 100)));

  // Earlier than the run under way.
  const bad = new FedRun(hubUrl, { id: 'bad', name: HOSTILE });
  await bad.start(START - 200_000);
  await bad.steps(
    steps(300, (step) => (step >= 288 ? Number.NaN : 2)).map((one) => ({
      ...one,
      time: one.time - 200_000,
    })),
  );
  await bad.note(START, 'the loss is not a number', 'error');
  await bad.artifact(START, 'checkpoint', 2_097_152);
  await bad.end(START + 800_000, 'failed');

  const long = new FedRun(hubUrl, { id: 'long', name: 'long' });
  await long.start(START - 2000);
  await long.steps(
    Array.from({ length: LONG }, (_, step) => ({
      step,
      time: START + step * 10,
      values: { 'train/loss': noise(step) },
    })),
  );
  await long.end(START + LONG * 10, 'finished');
  return live;
}
