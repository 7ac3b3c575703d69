import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SinkArtifact } from '../../../src/trackers/index.ts';
import { describeArtifact } from '../../../src/trackers/wandb/artifact/description.ts';
import { artifactDigest } from '../../../src/trackers/wandb/artifact/manifest.ts';
import { type WandbOptions, wandbSettings } from '../../../src/trackers/wandb/config.ts';
import { WandbOnlineSink } from '../../../src/trackers/wandb/online-sink.ts';
import { temporaryFolder } from '../../training/temporary.ts';
import { contextOf, runOf, START, step } from './records.ts';
import { WandbStandIn } from './stand-in.ts';

const PLACE = { entity: 'tester', project: 'my-llm', run: 'k3v9x1' };

function anArtifact(more: Partial<SinkArtifact> = {}): SinkArtifact {
  return {
    seq: 1,
    time: START,
    name: 'best',
    kind: 'model',
    path: '',
    size: 1,
    sha256: '',
    metadata: {},
    ...more,
  };
}

describe('an artifact that a run has made', () => {
  let wandb: WandbStandIn;
  let folder: string;
  beforeEach(async () => {
    wandb = await new WandbStandIn().listen();
    folder = temporaryFolder();
  });
  afterEach(() => wandb.close());

  function sinkOf(options: WandbOptions = {}): WandbOnlineSink {
    const env = { WANDB_BASE_URL: wandb.url, WANDB_API_KEY: wandb.key };
    const settings = wandbSettings(options, { env, warn: () => {} });
    return new WandbOnlineSink(settings as NonNullable<typeof settings>);
  }
  async function opened(options: WandbOptions = {}, context = contextOf()): Promise<WandbOnlineSink> {
    const sink = sinkOf(options);
    await sink.open(runOf(), context);
    return sink;
  }
  function fileOf(name: string, content: string | Buffer): string {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  }
  const contents = () =>
    wandb.artifactStore.committed.map(({ files }) =>
      Object.fromEntries(Array.from(files, ([name, { bytes }]) => [name, bytes?.toString()])),
    );
  const operations = () =>
    wandb.requests.flatMap(({ operation }) => (operation?.includes('Artifact') ? [operation] : []));

  it('is a version of its collection, with type, metadata and aliases', async () => {
    const sink = await opened();
    const path = fileOf('model.bin', 'weights');
    const metadata = { accuracy: 0.5, bad: Number.NaN, description: 'the best', aliases: ['prod', 'a/b'] };
    await sink.artifact(anArtifact({ path, metadata }));
    expect(wandb.artifactStore.committed).toMatchObject([
      {
        run: 'tester/my-llm/k3v9x1',
        type: 'model',
        name: 'best',
        description: 'the best',
        metadata: '{"accuracy":0.5,"bad":"NaN"}',
        aliases: ['latest', 'prod', 'a-b'],
        version: 0,
      },
    ]);
    expect(contents()).toEqual([{ 'model.bin': 'weights' }]);
    // it is no file of the run
    expect([...wandb.run().files.keys()]).toEqual(['wandb-metadata.json']);
    expect(operations()).toEqual([
      'CreateArtifact',
      'CreateArtifactManifest',
      'CreateArtifactFiles',
      'CreateArtifactManifest',
      'CommitArtifact',
    ]);
    expect(wandb.violations).toEqual([]);
  });

  it('may be a folder, empty files and names with spaces included', async () => {
    const sink = await opened();
    mkdirSync(join(folder, 'sub', 'deep er'), { recursive: true });
    fileOf('b.txt', 'b');
    fileOf('sub/ü.txt', 'u');
    fileOf('sub/deep er/empty', '');
    await sink.artifact(anArtifact({ path: folder, kind: 'folder' }));
    expect(contents()).toEqual([{ 'b.txt': 'b', 'sub/ü.txt': 'u', 'sub/deep er/empty': '' }]);
    expect(wandb.violations).toEqual([]);
  });

  it('of a new content is the next version, and takes the alias along; the same content is not sent again', async () => {
    const sink = await opened();
    await sink.artifact(anArtifact({ path: fileOf('model.bin', 'one') }));
    await sink.artifact(anArtifact({ seq: 2, path: fileOf('model.bin', 'one') }));
    await sink.artifact(anArtifact({ seq: 3, path: fileOf('model.bin', 'two') }));
    expect(wandb.artifactStore.committed).toMatchObject([
      { version: 0, aliases: [] },
      { version: 1, aliases: ['latest'] },
    ]);
    expect(wandb.artifactStore.artifacts).toHaveLength(2);
  });

  it('knows the step at which it was made', async () => {
    const sink = await opened();
    await sink.artifact(anArtifact({ path: fileOf('model.bin', 'one') }));
    await sink.write([step(2, 7, { a: 1 })]);
    await sink.artifact(anArtifact({ seq: 3, path: fileOf('model.bin', 'two') }));
    const steps = wandb.requests
      .filter(({ operation }) => operation === 'CreateArtifact')
      .map(
        ({ body }) => (JSON.parse(body) as { variables: { input: { historyStep: number } } }).variables.input,
      );
    expect(steps).toMatchObject([{ historyStep: 0 }, { historyStep: 8 }]);
  });

  it.each(['CreateArtifact', 'CreateArtifactManifest', 'CreateArtifactFiles', 'PUT', 'CommitArtifact'])(
    'is there once when the process dies after %s and its lost answer',
    async (what) => {
      const dying = await opened();
      const path = fileOf('model.bin', 'weights');
      wandb.script = (request) =>
        (request.operation ?? (request.path.startsWith('/artifacts/') ? 'PUT' : '')) === what
          ? { status: 503, afterTaking: true }
          : undefined;
      await expect(dying.artifact(anArtifact({ path }))).rejects.toThrow('503');
      wandb.script = () => undefined;
      const next = sinkOf();
      await next.open(runOf(), contextOf(dying.state()));
      await next.artifact(anArtifact({ path }));
      expect(wandb.artifactStore.artifacts).toHaveLength(1);
      expect(contents()).toEqual([{ 'model.bin': 'weights' }]);
      expect(wandb.violations).toEqual([]);
    },
  );

  it('is told and left out when it is gone or too large', async () => {
    const context = contextOf();
    const sink = await opened({ maxArtifactBytes: 100 }, context);
    await sink.artifact(anArtifact({ name: 'gone', path: join(folder, 'gone.bin') }));
    await sink.artifact(anArtifact({ name: 'large', path: fileOf('large.bin', Buffer.alloc(100)) }));
    expect(wandb.artifactStore.artifacts).toEqual([]);
    expect(context.warnings).toEqual([
      expect.stringMatching(/gone is not here any more/),
      expect.stringMatching(/large has 100 bytes/),
    ]);
  });
});

describe('what an artifact is called', () => {
  it.each([
    ['../../best model', 'model', 'best-model', 'model'],
    ['größe', 'job', 'gr-e', 'run-job'],
    ['ckpt-1.0_b', 'my kind', 'ckpt-1.0_b', 'my-kind'],
    ['///', '', 'artifact', 'file'],
    ['a', 'wandb-history', 'a', 'run-wandb-history'],
  ])('%s of kind "%s" is %s of type %s', (name, kind, expected, type) => {
    const {
      clientId: _,
      sequenceClientId: __,
      ...found
    } = describeArtifact(anArtifact({ name, kind }), PLACE);
    expect(found).toMatchObject({ name: expect.stringContaining(expected), type, metadata: undefined });
    expect(found.name).toMatch(/^[\w.-]{1,128}$/);
  });

  it('is short enough, and no two names become one', () => {
    const names = ['x', 'y'].map(
      (end) => describeArtifact(anArtifact({ name: 'n'.repeat(200) + end }), PLACE).name,
    );
    expect(names.map(({ length }) => length)).toEqual([128, 128]);
    expect(new Set(names).size).toBe(2);
    const similar = ['gröe', 'größe', 'gr e', 'gr-e'].map(
      (name) => describeArtifact(anArtifact({ name }), PLACE).name,
    );
    expect(new Set(similar).size).toBe(4);
  });

  it('is identified by run and record, its collection by its name', () => {
    const of = (more: Partial<SinkArtifact>, run = 'k3v9x1') =>
      describeArtifact(anArtifact(more), { ...PLACE, run });
    expect(of({}).clientId).toMatch(/^[0-9a-f]{128}$/);
    expect(of({}).clientId).toBe(of({}).clientId);
    expect(new Set([of({}), of({ seq: 2 }), of({}, 'other')].map(({ clientId }) => clientId)).size).toBe(3);
    expect(of({ seq: 2 }).sequenceClientId).toBe(of({}, 'other').sequenceClientId);
    expect(of({ name: 'other' }).sequenceClientId).not.toBe(of({}).sequenceClientId);
  });

  it("has W&B's digest", () => {
    // what wandb 0.31 gives for these files
    const files = [
      { name: 'weights.bin', path: '', size: 7, md5: 'Y/Tx6bclNw9FlyBXXNX5Uw==' },
      { name: 'sub/b.txt', path: '', size: 2, md5: 'Ia0L2Da5DQj0z2QLTCmOfA==' },
    ];
    expect(artifactDigest(files)).toBe('ad38f3fc767a70306292e09d3458e433');
  });
});
