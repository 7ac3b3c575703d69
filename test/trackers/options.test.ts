import { describe, expect, it } from 'vitest';
import { readTrackers, type TrackerOptions } from '../../src/trackers/index.ts';
import { TrackerError } from '../../src/training/run-trackers.ts';
import { startTestRun } from '../training/starting.ts';
import { temporaryFolder } from '../training/temporary.ts';

const wrong = (options: unknown): readonly TrackerOptions[] => options as readonly TrackerOptions[];

describe('options of trackers', () => {
  it.each([
    [{ platform: 'local' }, /trackers must be a list/],
    [['local'], /trackers\[0\] must be an object such as/],
    [[{ platform: 'locl' }], /There is no tracker "locl"/],
    [[{ platform: 'local', configExcludeKeys: 'api_key' }], /configExcludeKeys must be a list of keys/],
    [[{ platform: 'local', logInterval: 0 }], /logInterval/],
  ])('that cannot be are refused: %j', (options, message) => {
    expect(() => readTrackers(wrong(options), { env: {}, warn: () => {} })).toThrow(message);
  });

  it('that nobody knows are told, with the one that is meant', () => {
    const told: string[] = [];
    readTrackers(wrong([{ platform: 'mlflow', trackinguri: 'http://127.0.0.1:1' }]), {
      env: {},
      warn: (message) => told.push(message),
    });
    expect(told).toEqual([
      'The tracker mlflow has no option "trackinguri"; it does nothing. Is "trackingUri" meant?',
    ]);
  });

  it('of a tracker that is left out stay to be seen; with onSinkError: throw the run does not start', async () => {
    const tracker = { platform: 'mlflow', trackingUri: 'localhost:5000' } as const;
    const { run } = await startTestRun({
      journalDir: temporaryFolder(),
      exporter: false,
      trackers: [tracker],
    });
    await run.finish();
    expect(run.stats().trackers).toMatchObject([
      { sink: 'mlflow', status: 'given_up', lastError: expect.stringContaining('http://localhost:5000') },
    ]);
    await expect(
      startTestRun({
        journalDir: temporaryFolder(),
        exporter: false,
        trackers: [{ ...tracker, onSinkError: 'throw' }],
      }),
    ).rejects.toThrow(TrackerError);
  });
});
