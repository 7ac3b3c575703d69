import { array, assert, asyncProperty, constantFrom, integer } from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SinkForwarder } from '../../../src/trackers/forwarder/forwarder.ts';
import type { ForwarderOptions } from '../../../src/trackers/forwarder/forwarder-options.ts';
import { NO_PROGRESS, type SinkProgress } from '../../../src/trackers/forwarder/progress.ts';
import { SinkRefused, SinkUnauthorized, SinkUnavailable } from '../../../src/trackers/index.ts';
import { MemorySource, sinkRun } from './memory-source.ts';
import { RecordingSink } from './recording-sink.ts';

const NO_WAIT = { firstMs: 0, maxMs: 0, random: () => 0 };
const LONG = { milliseconds: 60_000 };

function forwarderOf(
  source: MemorySource,
  sink: RecordingSink,
  options: Partial<ForwarderOptions> = {},
): SinkForwarder {
  return new SinkForwarder({
    sink,
    source,
    progress: NO_PROGRESS,
    backOff: NO_WAIT,
    head: () => source.head,
    ...options,
  });
}

function steps(
  source: MemorySource,
  count: number,
  values: Record<string, number> = { 'train/loss': 1 },
): void {
  for (let step = 0; step < count; step++) source.step(step, values);
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

afterEach(() => {
  vi.useRealTimers();
});

describe('what a sink gets', () => {
  it('is opened once with the run, gets all records in order, artifacts and end in their places', async () => {
    const source = new MemorySource(sinkRun({ params: { lr: 1 } }));
    steps(source, 5);
    source.artifact({ name: 'a' });
    source.step(5, { x: 1 });
    source.end('failed', { best: 2 });
    const sink = new RecordingSink();
    const order: string[] = [];
    sink.before = (call) => void order.push(call);
    const health = await forwarderOf(source, sink).drain(LONG);
    expect(order).toEqual(['open', 'write', 'artifact', 'write', 'close']);
    expect(sink.opened[0]?.run.params).toEqual({ lr: 1 });
    expect(sink.steps).toEqual(range(6));
    expect(sink.closed).toEqual([{ status: 'failed', summary: { best: 2 } }]);
    expect(health).toMatchObject({ status: 'current', lag: 0, acknowledged: 8, sent: 8 });
  });

  it('is opened for a run that has only started', async () => {
    const sink = new RecordingSink();
    const health = await forwarderOf(new MemorySource(), sink).drain(LONG);
    expect(sink.opened).toHaveLength(1);
    expect(sink.batches).toEqual([]);
    expect(health.lag).toBe(0);
  });

  it.each([
    ['records', { maxRecords: 3 }, 3],
    ['values', { maxValues: 8 }, 4],
    ['bytes', { maxBytes: 100 }, 2],
    ['a single record that is larger than everything', { maxValues: 1 }, 1],
  ])('keeps to the limit of %s', async (_, limits, size) => {
    const source = new MemorySource();
    steps(source, 12, { a: 1, b: 2 });
    const sink = new RecordingSink('s', limits);
    await forwarderOf(source, sink).drain(LONG);
    expect(sink.steps).toEqual(range(12));
    expect(Math.max(...sink.batches.map((batch) => batch.length))).toBe(size);
  });

  it('gets what a run records after its end: it is opened again', async () => {
    const source = new MemorySource();
    source.step(0, { a: 1 });
    source.end('killed');
    source.step(1, { a: 1 });
    source.end('finished');
    const sink = new RecordingSink();
    await forwarderOf(source, sink).drain(LONG);
    expect(sink.opened).toHaveLength(2);
    expect(sink.closed.map(({ status }) => status)).toEqual(['killed', 'finished']);
  });

  it('lacks excluded parameters at any depth, and steps between the interval, but no validation', async () => {
    const source = new MemorySource(
      sinkRun({ params: { api_key: 's', model: { api_key: 's', layers: 2 }, lr: 1 } }),
    );
    steps(source, 10);
    source.step(7, { 'val/loss': 1 });
    source.params({ api_key: 's', other: 2 });
    const sink = new RecordingSink();
    const selection = { configExcludeKeys: ['api_key'], logInterval: 5 };
    await forwarderOf(source, sink, { selection }).drain(LONG);
    expect(sink.opened[0]?.run.params).toEqual({ model: { layers: 2 }, lr: 1 });
    expect(sink.steps).toEqual([0, 5, 7]);
    expect(sink.records.at(-1)).toMatchObject({ kind: 'params', params: { other: 2 } });
    expect(JSON.stringify([sink.records, sink.opened])).not.toContain('"s"');
  });
});

describe('a sink that fails', () => {
  it('is tried again and gets everything once it is back', async () => {
    const source = new MemorySource();
    steps(source, 50);
    const sink = new RecordingSink('s', { maxRecords: 10 });
    let failures = 7;
    sink.before = () => {
      if (failures-- > 0) throw new SinkUnavailable('down');
    };
    const health = await forwarderOf(source, sink).drain({ ...LONG, patience: 10 });
    expect(sink.steps).toEqual(range(50));
    expect(health).toMatchObject({ status: 'current', retried: 7, refused: 0, lastError: null });
  });

  it('holds a drain up for its patience only, and is caught up with by the next one', async () => {
    const source = new MemorySource();
    steps(source, 5);
    const sink = new RecordingSink();
    let calls = 0;
    let down = true;
    sink.before = () => {
      calls++;
      if (down) throw new Error('broken');
    };
    const forwarder = forwarderOf(source, sink);
    const health = await forwarder.drain({ ...LONG, patience: 2 });
    expect(calls).toBe(3);
    expect(health).toMatchObject({ status: 'unavailable', lag: source.head + 1, lastError: 'broken' });
    down = false;
    expect(await forwarder.drain(LONG)).toMatchObject({ status: 'current', lag: 0 });
    expect(sink.steps).toEqual(range(5));
  });

  it('loses only the records that it refuses, and those are named', async () => {
    const source = new MemorySource();
    steps(source, 1000);
    const bad = new Set([3, 500, 501, 999]);
    const sink = new RecordingSink('s', { maxRecords: 300 });
    sink.before = (_, batch) => {
      const found = batch.find((record) => record.kind === 'step' && bad.has(record.step));
      if (found) throw new SinkRefused(`record ${found.seq} is bad`);
    };
    const told: string[] = [];
    const health = await forwarderOf(source, sink, { onTrouble: (message) => told.push(message) }).drain(
      LONG,
    );
    expect(sink.steps).toEqual(range(1000).filter((step) => !bad.has(step)));
    expect(health).toMatchObject({ status: 'current', lag: 0, refused: 4 });
    expect(health.refusals.map(({ seq }) => seq)).toEqual([4, 501, 502, 1000]);
    expect(told.join('\n')).toMatch(/refused record 4 for good \(record 4 is bad\)/);
  });

  it('that refuses everything loses nothing: it gets all when it comes to its senses', async () => {
    const source = new MemorySource();
    steps(source, 300);
    const sink = new RecordingSink();
    let sane = false;
    sink.before = (call) => {
      if (!sane && call === 'write') throw new SinkRefused('no');
    };
    const forwarder = forwarderOf(source, sink);
    expect(await forwarder.drain({ ...LONG, patience: 0 })).toMatchObject({ status: 'refusing', refused: 0 });
    sane = true;
    expect(await forwarder.drain(LONG)).toMatchObject({ status: 'current', refused: 0 });
    expect(sink.steps).toEqual(range(300));
  });

  it('that refuses an artifact gets what comes after it', async () => {
    const source = new MemorySource();
    source.artifact({ name: 'bad' });
    steps(source, 3);
    const sink = new RecordingSink();
    sink.before = (call) => {
      if (call === 'artifact') throw new SinkRefused('too large');
    };
    expect(await forwarderOf(source, sink).drain(LONG)).toMatchObject({ refused: 1, lag: 0 });
    expect(sink.steps).toEqual(range(3));
  });

  it('with wrong credentials keeps its records waiting', async () => {
    const source = new MemorySource();
    const sink = new RecordingSink();
    sink.before = () => {
      throw new SinkUnauthorized('who are you');
    };
    const told: string[] = [];
    const forwarder = forwarderOf(source, sink, { onTrouble: (message) => told.push(message) });
    expect(await forwarder.drain({ ...LONG, patience: 0 })).toMatchObject({
      status: 'unauthorized',
      acknowledged: -1,
    });
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/who are you.*credentials/);
  });

  it('is given up for good after so many failures when that is asked for, and its source is let go', async () => {
    const source = new MemorySource();
    const sink = new RecordingSink();
    let calls = 0;
    sink.before = () => {
      calls++;
      throw new Error('down');
    };
    const forwarder = forwarderOf(source, sink, { giveUpAfter: 3 });
    expect(await forwarder.drain({ ...LONG, patience: 10 })).toMatchObject({ status: 'given_up' });
    await forwarder.drain(LONG);
    expect(calls).toBe(3);
  });

  it('that hangs is given up after its time, its signal aborted, and called again', async () => {
    vi.useFakeTimers();
    const source = new MemorySource();
    steps(source, 4);
    const sink = new RecordingSink('s', { callTimeoutMs: 1000 });
    let hangs = true;
    const signals: (AbortSignal | undefined)[] = [];
    sink.before = (call) => {
      if (call !== 'write' || !hangs) return Promise.resolve();
      signals.push(sink.signal);
      return new Promise<void>(() => {});
    };
    const forwarder = forwarderOf(source, sink);
    const drained = forwarder.drain({ ...LONG, patience: 1 });
    await vi.advanceTimersByTimeAsync(0);
    hangs = false;
    await vi.advanceTimersByTimeAsync(1000);
    expect(signals[0]?.aborted).toBe(true);
    expect(await drained).toMatchObject({ status: 'current' });
    expect(sink.steps).toEqual(range(4));
  });

  it('that hangs holds up neither the end of a drain nor the stop', async () => {
    vi.useFakeTimers();
    const sink = new RecordingSink();
    sink.before = () => new Promise(() => {});
    const forwarder = forwarderOf(new MemorySource(), sink);
    const drained = forwarder.drain({ milliseconds: 500 });
    await vi.advanceTimersByTimeAsync(500);
    expect((await drained).lag).toBe(1);
    await forwarder.stop();
  });

  it('is not asked before the time that it asked for', async () => {
    vi.useFakeTimers();
    const source = new MemorySource();
    const sink = new RecordingSink();
    const at: number[] = [];
    sink.before = () => {
      at.push(Date.now());
      if (at.length === 1) throw new SinkUnavailable('slow down', { retryAfterMs: 5000 });
    };
    const forwarder = forwarderOf(source, sink, { monotonic: () => Date.now() });
    forwarder.kick();
    await vi.advanceTimersByTimeAsync(4000);
    forwarder.kick();
    const drained = forwarder.drain(LONG);
    await vi.advanceTimersByTimeAsync(6000);
    expect(await drained).toMatchObject({ status: 'current' });
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBe(5000);
  });

  it('comes back by itself after a failure', async () => {
    vi.useFakeTimers();
    const source = new MemorySource();
    steps(source, 3);
    const sink = new RecordingSink();
    let failures = 3;
    sink.before = () => {
      if (failures-- > 0) throw new Error('down');
    };
    const backOff = { firstMs: 1000, maxMs: 60_000, random: () => 1 };
    const forwarder = forwarderOf(source, sink, { backOff, monotonic: () => Date.now() });
    forwarder.kick();
    await vi.advanceTimersByTimeAsync(6999);
    expect(sink.opened).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(sink.steps).toEqual(range(3));
    await forwarder.stop();
  });
});

describe('pace', () => {
  it('a batch that is not full waits for more, a full one does not', async () => {
    vi.useFakeTimers();
    const source = new MemorySource();
    const sink = new RecordingSink('s', { lingerMs: 2000, maxRecords: 10 });
    const forwarder = forwarderOf(source, sink, { monotonic: () => Date.now() });
    forwarder.kick();
    await vi.advanceTimersByTimeAsync(0);
    steps(source, 25);
    forwarder.kick();
    await vi.advanceTimersByTimeAsync(100);
    expect(sink.batches.map((batch) => batch.length)).toEqual([10, 10]);
    source.step(25, { a: 1 });
    forwarder.kick();
    await vi.advanceTimersByTimeAsync(2000);
    expect(sink.batches.map((batch) => batch.length)).toEqual([10, 10, 6]);
    await forwarder.stop();
  });

  it('calls are as far apart as the tracker wants them, when drained too', async () => {
    vi.useFakeTimers();
    const source = new MemorySource();
    steps(source, 29);
    const sink = new RecordingSink('s', { minIntervalMs: 1000, maxRecords: 10 });
    const at: number[] = [];
    sink.before = (call) => void (call === 'write' && at.push(Date.now()));
    const drained = forwarderOf(source, sink, { monotonic: () => Date.now() }).drain(LONG);
    await vi.advanceTimersByTimeAsync(10_000);
    await drained;
    expect(at.map((time) => time - (at[0] ?? 0))).toEqual([0, 1000, 2000]);
  });

  it('a tracker that takes silence for a crash gets a heartbeat', async () => {
    vi.useFakeTimers();
    const source = new MemorySource();
    const sink = new RecordingSink('s', { heartbeatMs: 30_000 });
    const forwarder = forwarderOf(source, sink, { monotonic: () => Date.now() });
    forwarder.kick();
    await vi.advanceTimersByTimeAsync(65_000);
    expect(sink.batches).toEqual([[], []]);
    // and does not make anything wait for the next beat
    source.step(0, { a: 1 });
    forwarder.kick();
    await vi.advanceTimersByTimeAsync(100);
    expect(sink.steps).toEqual([0]);
    await forwarder.stop();
    await vi.advanceTimersByTimeAsync(65_000);
    expect(sink.batches).toHaveLength(3);
    expect(sink.closed).toEqual([{ status: undefined, summary: {} }]);
  });
});

describe('system samples', () => {
  it('are numbered over restarts, and the oldest are dropped and counted while the tracker is away', async () => {
    const source = new MemorySource();
    const sink = new RecordingSink();
    let down = true;
    sink.before = () => {
      if (down) throw new Error('down');
    };
    const forwarder = forwarderOf(source, sink, {
      progress: { ...NO_PROGRESS, samples: 5 },
      maxSideRecords: 3,
    });
    for (let i = 0; i < 10; i++) forwarder.system(i, { 'system/cpu_percent': i });
    await forwarder.drain({ ...LONG, patience: 0 });
    down = false;
    const health = await forwarder.drain(LONG);
    expect(sink.records).toMatchObject([12, 13, 14].map((sample) => ({ kind: 'system', sample, seq: -1 })));
    expect(health.dropped).toBe(7);
    expect(forwarder.progress.samples).toBe(15);
  });

  it('that are refused take no step with them', async () => {
    const source = new MemorySource();
    steps(source, 5);
    const sink = new RecordingSink();
    sink.before = (_, batch) => {
      if (batch.some(({ kind }) => kind === 'system')) throw new SinkRefused('no samples here');
    };
    const forwarder = forwarderOf(source, sink);
    forwarder.system(1, { 'system/cpu_percent': 1 });
    expect(await forwarder.drain(LONG)).toMatchObject({ lag: 0, refused: 0, dropped: 1 });
    expect(sink.steps).toEqual(range(5));
  });
});

describe('what survives', () => {
  it('any order of crashes, failures and refusals gives every record once, in a sink that knows what it has', async () => {
    await assert(
      asyncProperty(
        array(constantFrom('ok', 'ok', 'ok', 'down', 'crash', 'taken-then-crash', 'forget'), {
          maxLength: 60,
        }),
        integer({ min: 1, max: 20 }),
        async (script, maxRecords) => {
          const source = new MemorySource();
          steps(source, 80);
          source.end();
          const place = new Map<number, number>();
          let saved: SinkProgress = NO_PROGRESS;
          let at = 0;
          let ended = 0;
          for (let life = 0; life < 100 && ended === 0; life++) {
            const sink = new RecordingSink('s', { maxRecords });
            let crashed = false;
            const kept: SinkProgress[] = [saved];
            const forwarder = forwarderOf(source, sink, {
              progress: saved,
              onProgress: (progress) => {
                if (!crashed) kept.push(progress);
              },
            });
            sink.before = (call, batch) => {
              const fate = script[at++] ?? 'ok';
              if (crashed || fate === 'down') throw new SinkUnavailable('down');
              if (fate === 'crash') crashed = true;
              if (fate === 'crash') throw new Error('killed');
              for (const record of batch)
                if (record.kind === 'step') place.set(record.seq, (place.get(record.seq) ?? 0) + 1);
              if (fate === 'taken-then-crash' && call === 'write') {
                crashed = true;
                throw new Error('killed after it was taken');
              }
              // an older progress was the last that reached the disk
              if (fate === 'forget') crashed = true;
            };
            await forwarder.drain({ ...LONG, patience: 3 });
            await forwarder.stop();
            // a sink is also closed, without a status, when a forwarder stops before the end
            ended += sink.closed.filter(({ status }) => status !== undefined).length;
            saved = kept.at(-1) ?? saved;
          }
          expect([...place.keys()]).toEqual(range(80).map((step) => step + 1));
          expect(ended).toBeGreaterThan(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('cursor and state of a sink go together: what it remembers is what was taken', async () => {
    const source = new MemorySource();
    steps(source, 20);
    const sink = new RecordingSink('s', { maxRecords: 4 });
    const seen: SinkProgress[] = [];
    await forwarderOf(source, sink, { onProgress: (progress) => seen.push(progress) }).drain(LONG);
    for (const { seq, state } of seen) expect(state).toEqual({ taken: Math.max(0, seq) });
    const again = new RecordingSink('s');
    const last = seen.at(-1) ?? NO_PROGRESS;
    source.step(20, { a: 1 });
    await forwarderOf(source, again, { progress: last }).drain(LONG);
    expect(again.opened[0]?.state).toEqual({ taken: 20 });
    expect(again.steps).toEqual([20]);
  });
});

describe('the end of a run', () => {
  it('comes after everything that was printed and measured before it, and what comes later opens nothing', async () => {
    const source = new MemorySource();
    const sink = new RecordingSink('small', { maxRecords: 3 });
    const order: string[] = [];
    sink.before = (call) => void order.push(call);
    const forwarder = forwarderOf(source, sink);
    for (let line = 0; line < 10; line++) forwarder.console(line, 'stdout', `line ${line}`);
    forwarder.system(1, { 'system/cpu_percent': 1 });
    source.step(0, { a: 1 });
    source.end();
    await forwarder.drain(LONG);
    expect(sink.records.filter(({ kind }) => kind === 'console')).toHaveLength(10);
    expect(order.at(-1)).toBe('close');
    forwarder.console(11, 'stdout', 'after the end');
    forwarder.system(12, { 'system/cpu_percent': 1 });
    const health = await forwarder.drain(LONG);
    expect(order.filter((call) => call === 'open')).toHaveLength(1);
    expect(order.at(-1)).toBe('close');
    expect(health).toMatchObject({ status: 'current', dropped: 2 });
    // a run that is resumed is opened again
    source.entries.push({ seq: source.entries.length, size: 1, starts: true, records: [] });
    source.step(1, { a: 2 });
    await forwarder.drain(LONG);
    expect(order.filter((call) => call === 'open')).toHaveLength(2);
  });
});
