import { assert, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fillName, type MlflowOptions, mlflowSettings } from '../../../src/trackers/mlflow/config.ts';
import { proxiedRoot, safeName } from '../../../src/trackers/mlflow/files.ts';
import { mlflowKey } from '../../../src/trackers/mlflow/keys.ts';
import { sinkRun } from '../forwarder/memory-source.ts';

function settingsOf(options: MlflowOptions, env: Record<string, string> = {}) {
  const warnings: string[] = [];
  return { settings: mlflowSettings(options, { env, warn: (message) => warnings.push(message) }), warnings };
}

describe('settings', () => {
  it("come from MLflow's own variables where an option is not given", () => {
    const { settings } = settingsOf(
      {},
      {
        MLFLOW_TRACKING_URI: 'https://mlflow.example/prefix/',
        MLFLOW_TRACKING_USERNAME: 'me',
        MLFLOW_TRACKING_PASSWORD: 'pass',
        MLFLOW_EXPERIMENT_NAME: 'exp',
        MLFLOW_RUN_ID: 'abc',
        MLFLOW_WORKSPACE: 'team-a',
        MLFLOW_TRACKING_INSECURE_TLS: 'true',
      },
    );
    expect(settings).toMatchObject({
      base: 'https://mlflow.example/prefix',
      experimentName: 'exp',
      runId: 'abc',
      tls: { insecure: true },
      headers: {
        authorization: `Basic ${Buffer.from('me:pass').toString('base64')}`,
        'x-mlflow-workspace': 'team-a',
      },
    });
  });

  it('take credentials out of the address, so that nothing shows them', () => {
    const { settings } = settingsOf({ trackingUri: 'http://me:p%40ss@host:5000' });
    expect(settings.base).toBe('http://host:5000');
    expect(settings.headers['authorization']).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`);
  });

  it('refuse two ways to sign in, without telling either', () => {
    expect(() => settingsOf({ username: 'me', password: 'hush', token: 'secret' })).toThrow(
      /Both a user .* and a token/,
    );
    expect(() => settingsOf({ username: 'me', password: 'hush', token: 'secret' })).not.toThrow(
      /hush|secret/,
    );
  });

  it('explain what only the server can open', () => {
    const { warnings } = settingsOf({ registryUri: 'sqlite:///mlflow.db', artifactLocation: './mlruns' });
    expect(warnings.join('\n')).toMatch(/--registry-store-uri[\s\S]*server's machine/);
  });
});

describe('names', () => {
  it('of a run are filled in; an unknown place stays', () => {
    const run = sinkRun({ startedAt: Date.UTC(2026, 10, 24, 15, 30, 12), rank: 3 });
    expect(fillName('{name}-{timestamp}-{rank}-{what}', run)).toBe('calm river 1-20261124-153012-3-{what}');
  });

  it.each([
    ['train/loss', 'train/loss'],
    ['größe 1-2_3.4', 'größe 1-2_3.4'],
  ])('of a metric that MLflow takes stay: %s', (key, wanted) => {
    expect(mlflowKey(key)).toBe(wanted);
  });

  it('of any metric are taken by the server, and no two become one', () => {
    const seen = new Map<string, string>();
    assert(
      property(string({ minLength: 1, maxLength: 300, unit: 'binary' }), (key) => {
        const mapped = mlflowKey(key);
        expect(mapped.length).toBeLessThanOrEqual(250);
        expect(mapped).toMatch(/^[\p{L}\p{N}_\-./ ]+$/u);
        for (const segment of mapped.split('/')) expect(segment).not.toMatch(/^\.{0,2}$/);
        expect(seen.get(mapped) ?? key).toBe(key);
        seen.set(mapped, key);
      }),
    );
    expect(
      new Set(
        ['a[', 'a]', 'a_', 'a//b', 'a/_/b', `${'x'.repeat(250)}1`, `${'x'.repeat(250)}2`].map(mlflowKey),
      ).size,
    ).toBe(7);
  });

  it('of files stay below their folder', () => {
    expect(safeName('../../etc/passwd')).toBe('etc/passwd');
    expect(safeName('..')).toBe('artifact');
    expect(proxiedRoot('mlflow-artifacts:/1/r/artifacts')).toBe('1/r/artifacts');
    expect(proxiedRoot('mlflow-artifacts://host:5000/1/r/artifacts')).toBe('1/r/artifacts');
    expect(proxiedRoot('s3://bucket/1')).toBeUndefined();
  });
});
