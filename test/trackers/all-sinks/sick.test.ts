import { afterEach, describe, expect, it } from 'vitest';
import { startTestRun } from '../../training/starting.ts';
import { temporaryFolder } from '../../training/temporary.ts';
import { everyTracker, Places, valueText } from './places.ts';

const STEPS = 2000;
let places: Places | undefined;
afterEach(() => places?.close());

describe('five trackers, of which MLflow refuses (503) and W&B hangs', () => {
  it('the healthy ones are whole meanwhile; the sick ones get everything once when they are well', async () => {
    const folder = temporaryFolder();
    const all = (places = await Places.start(folder));
    let ill = true;
    all.mlflow.disturb = () => (ill ? { status: 503, text: 'not now' } : undefined);
    // a connection that says nothing: the answer comes when it is well again
    const recover = all.wandb.hang();
    const wanted = ['mlflow', 'wandb', 'json', 'sqlite', 'tensorboard'];
    const trackers = everyTracker(all.addresses).filter((tracker) =>
      'sink' in tracker
        ? false
        : tracker.platform === 'mlflow' ||
          (tracker.platform === 'wandb' && tracker.mode === 'online') ||
          (tracker.platform === 'local' && tracker.format !== 'csv'),
    );
    expect(trackers).toHaveLength(5);
    const { run } = await startTestRun({
      journalDir: temporaryFolder(),
      exporter: false,
      finishTimeout: 300,
      memoryRecords: 500,
      sinkBackOff: { firstMs: 0, maxMs: 0, random: () => 0 },
      env: { OTEL_SDK_DISABLED: 'true', ...all.env },
      trackers,
    });
    const recorded: string[] = [];
    for (let step = 0; step < STEPS; step++) {
      const value = step % 7 === 0 ? Number.NaN : step / 4;
      run.step({ 'train/x': value }, { step });
      recorded.push(valueText('train/x', step, value));
    }
    recorded.sort();
    const settle = async (sinks: RegExp): Promise<void> => {
      do await run.flush();
      while (
        run
          .stats()
          .trackers.some(({ sink, status, lag }) => sinks.test(sink) && (status !== 'current' || lag > 0))
      );
    };
    await settle(/local/);
    for (const name of ['json', 'sqlite', 'tensorboard']) expect(all.held(name), name).toEqual(recorded);
    expect(all.mlflow.runs).toEqual([]);
    expect(all.wandb.runs.size).toBe(0);

    ill = false;
    recover();
    await settle(/./);
    await run.finish();
    await settle(/./);
    for (const name of wanted) expect(all.held(name), name).toEqual(recorded);
    expect(all.mlflow.runs.map(({ status }) => status)).toEqual(['FINISHED']);
    expect(all.wandb.run().exitCode).toBe(0);
    expect(run.stats().trackers.map(({ refused }) => refused)).toEqual([0, 0, 0, 0, 0]);
  });
});
