import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ATTR, METRIC } from '../../src/conventions/index.ts';
import { InstrumentProducer, InstrumentRegistry } from '../../src/telemetry/index.ts';
import { readJournal, startRun } from '../../src/training/index.ts';
import type { Clock } from '../../src/training/clock.ts';
import { rankFolder } from '../../src/training/journal/folder.ts';
import { MemoryReceiver } from './receiver.ts';
import { startTestRun } from './starting.ts';
import { temporaryFolder } from './temporary.ts';

/** Time that moves only when told. */
class ManualClock implements Clock {
  now = 1000;
  monotonic(): number {
    return this.now;
  }
  epoch(monotonic: number): number {
    return 1_700_000_000_000 + monotonic;
  }
}

async function points(
  registry: InstrumentRegistry,
): Promise<Map<string, { attributes: unknown; value: unknown }>> {
  const { resourceMetrics } = await new InstrumentProducer({ registry }).collect();
  const found = new Map<string, { attributes: unknown; value: unknown }>();
  for (const { metrics } of resourceMetrics.scopeMetrics)
    for (const { descriptor, dataPoints } of metrics)
      for (const { attributes, value } of dataPoints) found.set(descriptor.name, { attributes, value });
  return found;
}

const steps = (receiver: MemoryReceiver) =>
  receiver.named('llm.training.step').map(({ body, attributes }) => ({
    step: attributes['llm.training.step'],
    epoch: attributes['llm.training.epoch'],
    values: body as Record<string, number>,
  }));

describe('a run', () => {
  it('is a stream of events without holes, from its start to its end', async () => {
    const clock = new ManualClock();
    const { run, receiver } = await startTestRun({
      journalDir: temporaryFolder(),
      name: 'first',
      group: 'g',
      params: { lr: 3e-4, model: { layers: 2, bias: false }, list: [1, 'two', null] },
      tags: ['fast', 'small'],
      clock,
    });
    clock.now += 5;
    run.step({ 'train/loss': 2 });
    run.params({ warmup: 10 });
    run.tags({ team: 'a' });
    run.note('halfway', { severity: 'warning' });
    await run.finish('finished', { best: 1.5 });
    expect(receiver.seqs()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(receiver.records.map(({ eventName }) => eventName)).toEqual([
      'llm.run.start',
      'llm.training.step',
      'llm.run.params',
      'llm.run.params',
      'llm.run.note',
      'llm.run.end',
    ]);
    const [start, step, params, tags, note, end] = receiver.records;
    expect(start?.body).toEqual({ lr: 3e-4, model: { layers: 2, bias: false }, list: [1, 'two', null] });
    expect(start?.attributes['llm.run.tags']).toEqual({ fast: true, small: true });
    expect(start?.attributes['llm.run.source']).toMatchObject({ node: process.version });
    expect(start?.resource).toMatchObject({
      'llm.run.id': run.id,
      'llm.run.name': 'first',
      'llm.run.project': 'test',
      'llm.run.group': 'g',
      'llm.rank': 0,
      'llm.world_size': 1,
      'llm.run.attempt': 1,
      'process.pid': process.pid,
      'service.instance.id': expect.any(String),
      'service.name': expect.any(String),
      'host.name': expect.any(String),
    });
    expect(step?.time).toBe(1_700_000_001_005);
    expect(params?.body).toEqual({ warmup: 10 });
    expect(tags?.attributes['llm.run.tags']).toEqual({ team: 'a' });
    expect(note).toMatchObject({ body: 'halfway', severityNumber: 13 });
    expect(end).toMatchObject({ attributes: { 'llm.run.status': 'finished' }, body: { best: 1.5 } });
    expect(run.stats()).toMatchObject({
      recorded: 6,
      journaled: 6,
      delivered: 6,
      pending: 0,
      status: 'finished',
    });
  });

  it('says what it runs on, and what an observer knows of the GPUs', async () => {
    const registry = new InstrumentRegistry();
    const status = registry.upDownCounter(METRIC.hwStatus, 'gpu');
    for (const [index, id] of ['b', 'a'].entries())
      for (const state of ['ok', 'failed'])
        status
          .bind({
            [ATTR.hwId]: id,
            [ATTR.hwType]: 'gpu',
            [ATTR.gpuIndex]: 1 - index,
            [ATTR.hwModel]: `H${id}`,
            [ATTR.hwDriverVersion]: '580.65',
            [ATTR.hostCudaVersion]: '13.1',
            [ATTR.hwState]: state,
          })
          .set(1);
    const { run, receiver } = await startTestRun({
      journalDir: temporaryFolder(),
      instruments: registry,
    });
    await run.finish();
    expect(receiver.records[0]?.resource).toMatchObject({
      'host.cpu.count': expect.any(Number),
      'host.memory.size': expect.any(Number),
      'os.version': expect.any(String),
      'process.runtime.version': process.versions.node,
      'host.gpus': 'Ha, Hb',
      'host.gpu.driver_version': '580.65',
      'host.gpu.cuda_version': '13.1',
    });
  });

  it('keeps in its journal exactly what it sends', async () => {
    const journalDir = temporaryFolder();
    const { run, receiver } = await startTestRun({ journalDir, params: { x: Number.NaN } });
    run.step({ 'train/loss': 0.1 + 0.2, 'train/z': -0 }, { epoch: 0.5 });
    run.step({ 'train/loss': Infinity });
    await run.finish();
    const journal = [];
    for await (const { header, record } of readJournal(rankFolder(journalDir, run.id, 0)))
      journal.push({
        eventName: record.event,
        time: record.time,
        ...(record.severity === undefined ? {} : { severityNumber: record.severity }),
        body: record.body,
        attributes: { 'llm.run.seq': record.seq, ...record.attributes },
        resource: header.resource,
      });
    expect(journal).toEqual(receiver.records);
    expect(Object.is(steps(receiver)[0]?.values['train/z'], -0)).toBe(true);
  });

  it('derives perplexity, step time, throughput and the sum of tokens, unless they are given', async () => {
    const clock = new ManualClock();
    const { run, receiver } = await startTestRun({ journalDir: temporaryFolder(), clock });
    run.step({ 'train/loss': 2 }, { tokens: 100, samples: 4, epoch: 0.25 });
    clock.now += 500;
    run.step({ 'train/loss': 1 }, { tokens: 200, samples: 8, epoch: 0.5 });
    clock.now += 500;
    run.step(
      { 'train/loss': 0, 'train/perplexity': 7, 'train/step_time': 2, 'train/tokens': 5 },
      { tokens: 50 },
    );
    await run.finish();
    expect(steps(receiver)).toEqual([
      {
        step: 0,
        epoch: 0.25,
        values: {
          'train/loss': 2,
          'train/perplexity': Math.exp(2),
          'train/tokens': 100,
          'train/epoch': 0.25,
        },
      },
      {
        step: 1,
        epoch: 0.5,
        values: {
          'train/loss': 1,
          'train/perplexity': Math.E,
          'train/step_time': 0.5,
          'train/tokens_per_second': 400,
          'train/samples_per_second': 16,
          'train/tokens': 300,
          'train/epoch': 0.5,
        },
      },
      {
        step: 2,
        epoch: undefined,
        values: {
          'train/loss': 0,
          'train/perplexity': 7,
          'train/step_time': 2,
          'train/tokens': 5,
          'train/tokens_per_second': 25,
        },
      },
    ]);
  });

  it('measures a step by its timer, and leaves validation and checkpoints out of the step time', async () => {
    const clock = new ManualClock();
    const { run, receiver } = await startTestRun({ journalDir: temporaryFolder(), clock });
    run.step({ a: 1 });
    clock.now += 300;
    run.phase('validation', () => {
      clock.now += 10_000;
      return run.phase('checkpoint', () => (clock.now += 5000));
    });
    clock.now += 100;
    run.step({ a: 2 });
    clock.now += 5000;
    const timer = run.startStep();
    clock.now += 250;
    timer.end({ a: 3 });
    timer.end({ a: 4 });
    {
      using forgotten = run.stepTimer();
      expect(forgotten.elapsed()).toBe(0);
    }
    await run.finish();
    expect(steps(receiver).map(({ values }) => values['train/step_time'])).toEqual([undefined, 0.4, 0.25]);
  });

  it('counts a phase that runs beside the training as training time', async () => {
    const clock = new ManualClock();
    const { run, receiver } = await startTestRun({ journalDir: temporaryFolder(), clock });
    run.step({ a: 1 });
    const { promise, resolve } = Promise.withResolvers<void>();
    const saving = run.phase('checkpoint', () => promise);
    clock.now += 100;
    run.step({ a: 2 });
    clock.now += 100;
    resolve();
    await saving;
    run.step({ a: 3 });
    await run.finish();
    expect(steps(receiver).map(({ values }) => values['train/step_time'])).toEqual([undefined, 0.1, 0.1]);
  });

  it('numbers steps on from the last, and keeps repeated, skipped and earlier numbers', async () => {
    const { run, receiver } = await startTestRun({ journalDir: temporaryFolder() });
    run.step({ a: 1 });
    run.step({ a: 1 }, { step: 10 });
    run.step({ a: 1 }, { step: 10 });
    run.step({ a: 1 }, { step: 3n });
    run.step({ a: 1 });
    run.step({ a: 1 }, { step: 1.5 });
    run.validation({ loss: 1 });
    run.validation({ loss: 1 }, { step: 2 });
    await run.finish();
    expect(steps(receiver).map(({ step }) => step)).toEqual([0, 10, 10, 3, 4, 5, 5, 2]);
  });

  it('keeps a loss that is not finite, and says once since when', async () => {
    const { run, receiver } = await startTestRun({ journalDir: temporaryFolder() });
    for (const loss of [1, Number.NaN, Number.NaN, Infinity, 2, 3, -Infinity])
      run.step({ 'train/loss': loss });
    run.validation({ loss: Number.NaN });
    await run.finish();
    expect(steps(receiver).map(({ values }) => values['train/loss'] ?? values['val/loss'])).toEqual([
      1,
      Number.NaN,
      Number.NaN,
      Infinity,
      2,
      3,
      -Infinity,
      Number.NaN,
    ]);
    expect(receiver.named('llm.run.note').map(({ body }) => body)).toEqual([
      'train/loss is NaN since step 1.',
      'train/loss is finite again since step 4.',
      'train/loss is -Infinity since step 6.',
      'val/loss is NaN since step 6.',
    ]);
    // four losses of training and one of validation, and the perplexities that follow from them
    expect(run.stats().nonFinite).toBe(9);
  });

  it('leaves out what is no number, notes it once, and keeps the rest of the step', async () => {
    const { run, receiver } = await startTestRun({ journalDir: temporaryFolder() });
    const odd = { a: 1, text: 'x', big: 2n ** 60n, yes: true, nothing: undefined, object: {} };
    run.step(odd as never);
    run.step(odd as never);
    run.step(null as never);
    run.step({
      get broken(): number {
        throw new Error('getter');
      },
    });
    run.step({ a: 2 });
    await run.finish();
    expect(steps(receiver).map(({ values }) => values)).toMatchObject([
      { a: 1, big: 2 ** 60, yes: 1 },
      { a: 1, big: 2 ** 60, yes: 1 },
      { a: 2 },
    ]);
    expect(receiver.named('llm.run.note')).toHaveLength(2);
    expect(run.stats().skipped).toBe(4);
    expect(receiver.seqs()).toEqual(receiver.seqs().map((_, index) => index));
  });

  it('derives the figures of preference optimisation and of adapters', async () => {
    const { run, receiver } = await startTestRun({ journalDir: temporaryFolder() });
    run.dpo({ chosenRewards: [1, 2, 3], rejectedRewards: Float32Array.of(0, 3, 1), loss: 0.6 });
    run.dpo({ chosenRewardMean: 2, rejectedRewardMean: 0.5, rewardAccuracy: 0.75 });
    run.dpo({ chosenRewards: [1, 2], rejectedRewards: [1] });
    run.lora({ total: 1000, trainable: 20 });
    await run.finish();
    const [lists, means, unequal, lora] = steps(receiver).map(({ values }) => values);
    expect(lists).toEqual({
      'dpo/chosen_reward_mean': 2,
      'dpo/rejected_reward_mean': 4 / 3,
      'dpo/reward_margin': 2 - 4 / 3,
      'dpo/reward_accuracy': 2 / 3,
      'dpo/chosen_reward_std': Math.sqrt(2 / 3),
      'dpo/rejected_reward_std': expect.closeTo(Math.sqrt(14 / 9), 12),
      'dpo/loss': 0.6,
    });
    expect(means).toEqual({
      'dpo/chosen_reward_mean': 2,
      'dpo/rejected_reward_mean': 0.5,
      'dpo/reward_margin': 1.5,
      'dpo/reward_accuracy': 0.75,
    });
    expect(unequal).not.toHaveProperty('dpo/reward_accuracy');
    expect(lora).toEqual({
      'lora/total_parameters': 1000,
      'lora/trainable_parameters': 20,
      'lora/trainable_percentage': 2,
      'lora/parameter_efficiency': 50,
    });
  });

  it('publishes last values, counters and the step time, and takes them away at its end', async () => {
    const clock = new ManualClock();
    const { run, registry } = await startTestRun({ journalDir: temporaryFolder(), clock, id: 'gauged' });
    run.step({ 'train/loss': 3, mine: 1 }, { tokens: 10, samples: 1 });
    clock.now += 20;
    run.step({ 'train/loss': 2, 'train/steps': 4 }, { tokens: 10, samples: 1 });
    run.validation({ loss: Number.NaN });
    const seen = await points(registry);
    const attributes = { 'llm.run.id': 'gauged', 'llm.rank': 0 };
    expect(seen.get('llm.training.loss')).toEqual({ attributes, value: 2 });
    expect(seen.get('llm.training.validation.loss')?.value).toBeNaN();
    expect(seen.get('llm.training.custom.mine')?.value).toBe(1);
    expect(seen.get('llm.training.tokens_total')?.value).toBe(20);
    expect(seen.get('llm.training.steps.value')?.value).toBe(4);
    expect(seen.get('llm.training.steps')?.value).toBe(2);
    expect(seen.get('llm.training.tokens')?.value).toBe(20);
    expect(seen.get('llm.training.samples')?.value).toBe(2);
    expect(seen.get('llm.training.step.duration')?.value).toMatchObject({ count: 1, sum: 0.02 });
    await run.finish();
    expect([...(await points(registry)).keys()].filter((name) => name.startsWith('llm.training'))).toEqual(
      [],
    );
  });

  it('records size and checksum of a file and of a folder, and lives with one that is not there', async () => {
    const { run, receiver } = await startTestRun({ journalDir: temporaryFolder() });
    const dir = temporaryFolder();
    writeFileSync(join(dir, 'model.bin'), 'weights');
    mkdirSync(join(dir, 'sub'));
    writeFileSync(join(dir, 'sub', 'a.txt'), 'a');
    const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
    expect(await run.artifact(join(dir, 'model.bin'), { kind: 'model', metadata: { step: 3 } })).toBe(true);
    expect(await run.artifact(dir, { name: 'all' })).toBe(true);
    expect(await run.artifact(join(dir, 'missing'))).toBe(false);
    await run.finish();
    expect(receiver.named('llm.run.artifact')).toMatchObject([
      {
        attributes: {
          'llm.artifact.name': 'model.bin',
          'llm.artifact.kind': 'model',
          'llm.artifact.size': 7,
          'llm.artifact.sha256': sha('weights'),
        },
        body: { step: 3 },
      },
      {
        attributes: {
          'llm.artifact.name': 'all',
          'llm.artifact.kind': 'folder',
          'llm.artifact.size': 8,
          'llm.artifact.sha256': sha(`${sha('weights')}  model.bin\n${sha('a')}  sub/a.txt\n`),
        },
        body: { files: 2 },
      },
    ]);
    expect(receiver.named('llm.run.note').at(-1)?.body).toContain('missing');
  });

  it('ends as failed by `await using` when a phase has thrown, and passes the error on', async () => {
    const journalDir = temporaryFolder();
    const receiver = new MemoryReceiver();
    const train = async (): Promise<void> => {
      await using run = (await startTestRun({ journalDir, exporter: receiver })).run;
      await run.phase('train epoch', async () => {
        await Promise.resolve();
        throw new Error('out of memory');
      });
    };
    await expect(train()).rejects.toThrow('out of memory');
    {
      await using run = (await startTestRun({ journalDir, exporter: receiver })).run;
      expect(() =>
        run.phase('data loading', () => {
          throw new Error('retried');
        }),
      ).toThrow('retried');
      run.step({ 'train/loss': 1 });
    }
    expect(receiver.named('llm.run.end').map(({ attributes }) => attributes['llm.run.status'])).toEqual([
      'failed',
      'finished',
    ]);
  });

  it('ignores what comes after its end, and tells so once', async () => {
    const { run, receiver, troubles } = await startTestRun({ journalDir: temporaryFolder() });
    const first = run.finish('failed');
    run.step({ a: 1 });
    run.note('late');
    expect(await run.finish('finished')).toEqual(await first);
    expect(receiver.records.at(-1)?.attributes['llm.run.status']).toBe('failed');
    expect(run.stats()).toMatchObject({ late: 2, status: 'failed' });
    expect(troubles.filter((text) => text.includes('after finish()'))).toHaveLength(1);
  });

  it('is not started without a project, and says what to give', async () => {
    await expect(startRun({} as never)).rejects.toThrow('project');
  });
});
