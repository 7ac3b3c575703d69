import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SinkState } from '../../../src/trackers/index.ts';
import { type CometOptions, cometSettings } from '../../../src/trackers/comet/config.ts';
import { CometOfflineSink } from '../../../src/trackers/comet/offline-sink.ts';
import { contextOf, runOf, START, step } from '../wandb/records.ts';
import { readZip } from './zip-reader.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'comet-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function sinkOf(options: CometOptions = {}): CometOfflineSink {
  const settings = cometSettings(
    { mode: 'offline', offlineDirectory: folder, ...options },
    { env: {}, warn: () => {} },
  );
  return new CometOfflineSink(settings as NonNullable<typeof settings>);
}

interface Message {
  type: string;
  payload: {
    metric?: { metricName: string; metricValue: unknown; step: number | null };
    [key: string]: unknown;
  };
}
const archives = (): string[] => readdirSync(folder).toSorted();
function messagesOf(name: string): Message[] {
  const text =
    readZip(readFileSync(join(folder, name)))
      .get('messages.json')
      ?.toString() ?? '';
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Message);
}
const metricsOf = (name: string) =>
  messagesOf(name).flatMap(({ payload }) => (payload.metric ? [payload.metric] : []));

describe('a run that Comet gets later', () => {
  it('is an archive with its facts, its messages and its files', async () => {
    const sink = sinkOf({ tags: ['llm'], workspace: 'my-team' });
    await sink.open(runOf({ id: 'a'.repeat(32) }), contextOf());
    await sink.write([step(1, 0, { a: Number.NaN, b: 1 }, 1.5)]);
    await sink.write([{ kind: 'tags', seq: 2, time: START, tags: { late: true } }]);
    writeFileSync(join(folder, 'model.bin'), 'weights');
    const artifact = { seq: 3, time: START, size: 7, sha256: '', metadata: { accuracy: 0.5 } };
    await sink.artifact({ ...artifact, name: 'best', kind: 'model', path: join(folder, 'model.bin') });
    rmSync(join(folder, 'model.bin'));
    await sink.close('killed', { best: 1 }, undefined, START + 5000);
    expect(archives()).toEqual([`${'a'.repeat(32)}.zip`]);
    const files = readZip(readFileSync(join(folder, `${'a'.repeat(32)}.zip`)));
    expect(JSON.parse(files.get('experiment.json')?.toString() ?? '')).toMatchObject({
      offline_id: 'a'.repeat(32),
      project_name: 'my-llm',
      workspace: 'my-team',
      start_time: START,
      stop_time: START + 5000,
      tags: ['llm', 'debug', 'team:a', 'late'],
      resume_strategy: 'create',
      customer_error_reported: true,
    });
    const messages = messagesOf(`${'a'.repeat(32)}.zip`);
    expect(messages).toContainEqual({
      type: 'metric_msg',
      payload: {
        context: null,
        local_timestamp: START + 1000,
        metric: { metricName: 'a', metricValue: 'NaN', step: 0, epoch: 1 },
      },
    });
    const upload = messages.find(({ type }) => type === 'file_upload');
    expect(upload?.payload).toMatchObject({ upload_type: 'model-element', metadata: { accuracy: 0.5 } });
    expect(files.get(upload?.payload['file_path'] as string)?.toString()).toBe('weights');
  });

  it('has each value once after crashes, with other batches', async () => {
    const records = Array.from({ length: 300 }, (_, index) => step(index + 1, index, { a: index }));
    let remembered: SinkState | undefined;
    for (let at = 0; at < 300; at += 50) {
      const broken = sinkOf();
      await broken.open(runOf(), contextOf(remembered));
      await broken.write(records.slice(at, at + 20));
      await broken.close(undefined, {});
      const next = sinkOf();
      await next.open(runOf(), contextOf(remembered));
      await next.write(records.slice(at, at + 50));
      remembered = JSON.parse(JSON.stringify(next.state())) as SinkState;
      await next.close(undefined, {});
    }
    const last = sinkOf();
    await last.open(runOf(), contextOf(remembered));
    await last.close('finished', {});
    const [name = ''] = archives();
    expect(metricsOf(name).map(({ step: number }) => number)).toEqual(records.map((_, index) => index));
  });

  it('that went on after its end makes a further archive, and none is written over', async () => {
    const first = sinkOf();
    await first.open(runOf({ id: 'b'.repeat(32) }), contextOf());
    await first.write([step(1, 0, { a: 0 })]);
    const unacknowledged = JSON.parse(JSON.stringify(first.state())) as SinkState;
    await first.close('finished', {});
    const second = sinkOf();
    await second.open(runOf({ id: 'b'.repeat(32) }), contextOf(first.state()));
    await second.write([step(2, 1, { a: 1 })]);
    await second.close('finished', {});
    expect(archives()).toEqual([`${'b'.repeat(32)}-2.zip`, `${'b'.repeat(32)}.zip`]);
    expect(metricsOf(`${'b'.repeat(32)}.zip`)).toHaveLength(1);
    expect(metricsOf(`${'b'.repeat(32)}-2.zip`)).toMatchObject([{ step: 1 }]);
    const facts = readZip(readFileSync(join(folder, `${'b'.repeat(32)}-2.zip`))).get('experiment.json');
    expect(JSON.parse(facts?.toString() ?? '')).toMatchObject({
      offline_id: 'b'.repeat(32),
      resume_strategy: 'get_or_create',
    });
    // the end was written, and nobody noted it
    const third = sinkOf();
    await third.open(runOf({ id: 'b'.repeat(32) }), contextOf(unacknowledged));
    await third.close('finished', {});
    expect(metricsOf(`${'b'.repeat(32)}.zip`)).toHaveLength(1);
  });

  it('leaves a complete folder when the program was killed', async () => {
    const sink = sinkOf();
    await sink.open(runOf({ id: 'c'.repeat(32) }), contextOf());
    await sink.write([step(1, 0, { a: 0 })]);
    expect(existsSync(join(folder, 'c'.repeat(32), 'experiment.json'))).toBe(true);
    expect(readFileSync(join(folder, 'c'.repeat(32), 'messages.json'), 'utf8')).toContain('"metricName":"a"');
    await sink.close(undefined, {});
    expect(archives()).toEqual(['c'.repeat(32)]);
  });
});
