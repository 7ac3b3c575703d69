import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type MlflowOptions,
  type SinkArtifact,
  type SinkContext,
  type SinkRun,
  SinkUnavailable,
} from '../../../src/trackers/index.ts';
import { MlflowSink, mlflowSettings } from '../../../src/trackers/mlflow/index.ts';
import { temporaryFolder } from '../../training/temporary.ts';
import { sinkRun } from '../forwarder/memory-source.ts';
import { MlflowStandIn } from './mlflow-server.ts';

let mlflow: MlflowStandIn;
beforeEach(async () => {
  mlflow = await MlflowStandIn.start();
});
afterEach(() => mlflow.server.close());

const CONTEXT: SinkContext = { state: undefined, warn: () => {}, requestStop: () => {} };

function sinkOf(options: MlflowOptions = {}): MlflowSink {
  return new MlflowSink(mlflowSettings({ trackingUri: mlflow.url, ...options }, { env: {}, warn: () => {} }));
}
async function opened(facts: Partial<SinkRun> = {}, options: MlflowOptions = {}): Promise<MlflowSink> {
  const sink = sinkOf(options);
  await sink.open(sinkRun({ worldSize: 2, ...facts }), CONTEXT);
  return sink;
}

describe('ranks of a run', () => {
  const parents = () =>
    mlflow.runs.map(({ id, tags }) => [id, tags.get('llm.rank'), tags.get('mlflow.parentRunId')]);

  it('are runs below that of rank 0, whichever comes first', async () => {
    const early = sinkOf();
    await expect(early.open(sinkRun({ rank: 1, worldSize: 2 }), CONTEXT)).rejects.toThrow(SinkUnavailable);
    expect(mlflow.runs).toEqual([]);
    await opened({ rank: 0 });
    await early.open(sinkRun({ rank: 1, worldSize: 2 }), CONTEXT);
    expect(parents()).toEqual([
      ['m0', '0', undefined],
      ['m1', '1', 'm0'],
    ]);
    expect(mlflow.runs.map(({ tags }) => tags.get('mlflow.runName'))).toEqual([
      'calm river 1',
      'calm river 1 rank 1',
    ]);
    // a resumed rank is the run that it was
    await opened({ rank: 1, attempt: 2 });
    expect(mlflow.runs).toHaveLength(2);
  });

  it('are runs beside it, and wait for none, when they are not to be nested', async () => {
    await opened({ rank: 1 }, { nested: false });
    await opened({ rank: 0 }, { nested: false });
    expect(parents()).toEqual([
      ['m0', '1', undefined],
      ['m1', '0', undefined],
    ]);
  });
});

describe('a model that a run has made', () => {
  function aModel(more: Partial<SinkArtifact> = {}): SinkArtifact {
    const path = join(temporaryFolder(), 'model.bin');
    writeFileSync(path, 'weights');
    return {
      seq: 1,
      time: 1000,
      name: 'tiny',
      kind: 'model',
      path,
      size: 7,
      sha256: 'ab',
      metadata: {},
      ...more,
    };
  }
  const versions = () => mlflow.versions.map(({ name, source }) => [name, source]);

  it('is a version of the registered model that is asked for; the metadata of one go first', async () => {
    mlflow.registered.add('known');
    const sink = await opened({}, { registeredModelName: 'known' });
    await sink.artifact(aModel());
    await sink.artifact(aModel({ seq: 2, metadata: { registered_model_name: 'other' } }));
    expect(versions()).toEqual([
      ['known', 'models:/lm0'],
      ['other', 'models:/lm1'],
    ]);
    expect([...mlflow.registered]).toEqual(['known', 'other']);
  });

  it('is none where nobody asks for it', async () => {
    const sink = await opened();
    await sink.artifact(aModel());
    expect(mlflow.models).toHaveLength(1);
    expect(versions()).toEqual([]);
  });

  it.each(['logged-models', 'registered-models/create', 'model-versions/create', 'runs/outputs'])(
    'is one version when the process dies after %s and its lost answer',
    async (end) => {
      const options = { registeredModelName: 'known' };
      const model = aModel();
      const dying = await opened({}, options);
      mlflow.disturb = ({ path, method }, applied) =>
        applied && method === 'POST' && path.endsWith(end) ? { status: 503, text: 'gone' } : undefined;
      await expect(dying.artifact(model)).rejects.toThrow('503');
      mlflow.disturb = () => undefined;
      const next = sinkOf(options);
      await next.open(sinkRun({ worldSize: 2 }), { ...CONTEXT, state: dying.state() });
      await next.artifact(model);
      expect(mlflow.models).toHaveLength(1);
      expect(versions()).toEqual([['known', 'models:/lm0']]);
    },
  );
});
