import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/training/clock.ts';
import { startTestRun } from './starting.ts';
import { temporaryFolder } from './temporary.ts';

const exporter = new InMemorySpanExporter();
beforeAll(() => {
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register({
    contextManager: new AsyncLocalStorageContextManager(),
  });
});
beforeEach(() => exporter.reset());
afterAll(() => {
  trace.disable();
  context.disable();
});
const spans = () => new Map(exporter.getFinishedSpans().map((span) => [span.name, span]));

describe('a phase', () => {
  it('is a span with the run in it; what happens inside is its child, the next one links to it', async () => {
    const { run } = await startTestRun({
      journalDir: temporaryFolder(),
      id: 'phased',
      rank: 2,
      worldSize: 4,
    });
    const result = await run.phase(
      'train epoch',
      async (span) => {
        await Promise.resolve();
        span.setAttribute('loss', 1);
        return run.phase('checkpoint', () => 42);
      },
      { epoch: 3 },
    );
    run.phase('validation', () => {});
    await run.finish();
    const epoch = spans().get('train epoch');
    const checkpoint = spans().get('checkpoint');
    const validation = spans().get('validation');
    expect(result).toBe(42);
    expect(epoch?.attributes).toEqual({
      'llm.run.id': 'phased',
      'llm.rank': 2,
      'llm.training.phase': 'train epoch',
      epoch: 3,
      loss: 1,
    });
    expect(checkpoint?.parentSpanContext?.spanId).toBe(epoch?.spanContext().spanId);
    expect(checkpoint?.links).toEqual([]);
    expect(validation?.parentSpanContext).toBeUndefined();
    expect(validation?.links).toMatchObject([{ context: { spanId: epoch?.spanContext().spanId } }]);
  });

  it('that throws is an error and passes the error on, whether it is asynchronous or not', async () => {
    const { run } = await startTestRun({ journalDir: temporaryFolder() });
    const error = new TypeError('bad batch');
    expect(() =>
      run.phase('data loading', () => {
        throw error;
      }),
    ).toThrow(error);
    await expect(run.phase('train epoch', () => Promise.reject(error))).rejects.toBe(error);
    await run.finish();
    for (const name of ['data loading', 'train epoch']) {
      const span = spans().get(name);
      expect(span?.status).toMatchObject({ code: 2, message: 'TypeError: bad batch' });
      expect(span?.events[0]?.attributes?.['exception.message']).toBe('bad batch');
    }
  });
});

describe('a step that takes far longer than usual', () => {
  it('gets a span of its own length, the first of many in a row only', async () => {
    const clock: Clock & { now: number } = {
      now: 0,
      monotonic: () => clock.now,
      epoch: (monotonic) => 1.7e12 + monotonic,
    };
    const { run } = await startTestRun({ journalDir: temporaryFolder(), clock });
    const step = (milliseconds: number): void => {
      clock.now += milliseconds;
      run.step({ a: 1 });
    };
    step(100);
    for (let i = 0; i < 30; i++) step(100);
    expect(spans().has('slow step')).toBe(false);
    step(2000);
    step(2000);
    await run.finish();
    const slow = exporter.getFinishedSpans().filter(({ name }) => name === 'slow step');
    expect(slow).toHaveLength(1);
    expect(slow[0]?.attributes).toMatchObject({
      'llm.training.step': 31,
      'llm.training.step.usual_duration': expect.closeTo(0.1, 6),
    });
    expect(slow[0]?.duration).toEqual([2, 0]);
  });
});
