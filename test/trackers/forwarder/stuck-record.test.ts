import { describe, expect, it } from 'vitest';
import { SinkForwarder } from '../../../src/trackers/forwarder/forwarder.ts';
import type { ForwarderOptions } from '../../../src/trackers/forwarder/forwarder-options.ts';
import { NO_PROGRESS, type SinkProgress } from '../../../src/trackers/forwarder/progress.ts';
import { SinkUnavailable, type SinkRecord } from '../../../src/trackers/index.ts';
import { MemorySource } from './memory-source.ts';
import { RecordingSink } from './recording-sink.ts';

const MINUTE = 60_000;
const NO_WAIT = { firstMs: 0, maxMs: 0, random: () => 0 };
const failed = (): SinkUnavailable => new SinkUnavailable('500', { failedOnRequest: true });

/** As MLflow: what comes twice, or late, is no matter. */
class OrderlessSink extends RecordingSink {
  readonly anyOrder = true;

  get stepSet(): number[] {
    return [...new Set(this.steps)].toSorted((a, b) => a - b);
  }
}

function sourceOf(steps: number): MemorySource {
  const source = new MemorySource();
  for (let step = 0; step < steps; step++) source.step(step, { a: 1 });
  return source;
}
const hasStep = (batch: readonly SinkRecord[], step: number): boolean =>
  batch.some((record) => record.kind === 'step' && record.step === step);
const others = (count: number, ...bad: number[]): number[] =>
  Array.from({ length: count }, (_, step) => step).filter((step) => !bad.includes(step));

/** A forwarder, and a clock that moves a minute with each call of the sink. */
function forwarderOf(
  source: MemorySource,
  sink: RecordingSink,
  options: Partial<ForwarderOptions> = {},
): { forwarder: SinkForwarder; told: string[] } {
  const told: string[] = [];
  const { before } = sink;
  sink.before = (call, batch) => {
    clock += MINUTE;
    return before(call, batch);
  };
  const forwarder = new SinkForwarder({
    sink,
    source,
    progress: NO_PROGRESS,
    backOff: NO_WAIT,
    head: () => source.head,
    now: () => clock,
    onTrouble: (message) => told.push(message),
    ...options,
  });
  return { forwarder, told };
}
let clock = 1_700_000_000_000;

describe('a tracker that fails (500)', () => {
  it('on one record for ever gets all others: that one is found, set aside after a while, and told', async () => {
    const source = sourceOf(500);
    source.end();
    const sink = new OrderlessSink('s', { maxRecords: 200 });
    let tries = 0;
    sink.before = (call, batch) => {
      if (call !== 'write' || !hasStep(batch, 333)) return;
      if (batch.length === 1) tries++;
      throw failed();
    };
    const { forwarder, told } = forwarderOf(source, sink);
    const health = await forwarder.drain({ milliseconds: MINUTE, patience: 100 });
    expect(sink.stepSet).toEqual(others(500, 333));
    expect(sink.closed).toHaveLength(1);
    expect(health).toMatchObject({ status: 'current', lag: 0, refused: 1, refusals: [{ seq: 334 }] });
    expect(tries).toBeGreaterThanOrEqual(8);
    expect(told.join('\n')).toMatch(
      /s fails on record 334 itself: it failed on it \d+ times.*stays in the journal/,
    );
  });

  it('on everything, however long, loses nothing: it gets all when it is back', async () => {
    const source = sourceOf(120);
    const sink = new OrderlessSink();
    let failures = 300;
    sink.before = (call) => {
      if (call === 'write' && failures-- > 0) throw failed();
    };
    const { forwarder } = forwarderOf(source, sink);
    const health = await forwarder.drain({ milliseconds: MINUTE, patience: 1000 });
    expect(sink.stepSet).toEqual(others(120));
    expect(health).toMatchObject({ status: 'current', lag: 0, refused: 0 });
  });

  it('and comes back just as the next record is tried loses nothing', async () => {
    const source = sourceOf(3);
    const sink = new OrderlessSink();
    sink.before = (call, batch) => {
      if (call === 'write' && !sink.steps.includes(1) && !(batch.length === 1 && hasStep(batch, 1)))
        throw failed();
    };
    const { forwarder } = forwarderOf(source, sink);
    const health = await forwarder.drain({ milliseconds: MINUTE, patience: 100 });
    expect(sink.stepSet).toEqual([0, 1, 2]);
    expect(health).toMatchObject({ status: 'current', refused: 0 });
  });

  it('on the last artifact gets the end of the run all the same', async () => {
    const source = sourceOf(2);
    source.artifact({ name: 'model' });
    source.end('finished');
    const sink = new OrderlessSink();
    sink.before = (call) => {
      if (call === 'artifact') throw failed();
    };
    const { forwarder } = forwarderOf(source, sink);
    const health = await forwarder.drain({ milliseconds: MINUTE, patience: 100 });
    expect(health).toMatchObject({ status: 'current', lag: 0, refusals: [{ seq: 3 }] });
    expect(sink.closed.at(-1)).toMatchObject({ status: 'finished' });
  });

  it('is given its time over several processes: what was tried is kept with the cursor', async () => {
    const source = sourceOf(3);
    let progress: SinkProgress = NO_PROGRESS;
    const lives: number[] = [];
    for (let life = 0; life < 10 && progress.seq < source.head; life++) {
      const sink = new OrderlessSink();
      sink.before = (call, batch) => {
        if (call === 'write' && hasStep(batch, 1)) throw failed();
      };
      const { forwarder } = forwarderOf(source, sink, {
        progress: JSON.parse(JSON.stringify(progress)) as SinkProgress,
        onProgress: (now) => (progress = now),
      });
      await forwarder.drain({ milliseconds: MINUTE, patience: 3 });
      await forwarder.stop();
      lives.push(progress.stuck?.tries ?? 0);
    }
    expect(progress).toMatchObject({ seq: 3, refusedTotal: 1 });
    expect(lives.length).toBeGreaterThan(2);
    expect(progress.stuck).toBeUndefined();
  });

  it('on one record, and wants its records in order, waits: nothing is passed over', async () => {
    const source = sourceOf(4);
    const sink = new RecordingSink();
    sink.before = (call, batch) => {
      if (call === 'write' && hasStep(batch, 2)) throw failed();
    };
    const { forwarder } = forwarderOf(source, sink);
    const health = await forwarder.drain({ milliseconds: MINUTE, patience: 100 });
    expect(sink.steps).toEqual([0, 1]);
    expect(health).toMatchObject({ status: 'unavailable', refused: 0, acknowledged: 2 });
  });
});
