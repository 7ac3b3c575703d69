import { mkdtempSync, readdirSync, rmSync, statSync, appendFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ATTR, EVENT } from '../../../src/conventions/index.ts';
import { TrackerBridge } from '../../../src/hub/bridge/index.ts';
import type { Attributes, AttributeValue, OtlpRequest } from '../../../src/otlp/model.ts';
import { readTrackers, SinkUnavailable, type TrackerOptions } from '../../../src/trackers/index.ts';
import { RecordingSink } from '../../trackers/forwarder/recording-sink.ts';

let dir: string;
let bridges: TrackerBridge[];
let clock = 0;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'llm-otel-bridge-'));
  bridges = [];
  sample = undefined;
});
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(bridges.map((bridge) => bridge.stop()));
  rmSync(dir, { recursive: true, force: true });
});

/** Sinks by run and rank, in the order in which they were made. */
class Place {
  readonly sinks: RecordingSink[] = [];
  down = false;
  /** Of the run's page there. */
  url: string | undefined;
  options(name: string, more: Partial<TrackerOptions> = {}): TrackerOptions {
    return {
      ...more,
      sink: () => {
        const sink = new RecordingSink(name);
        sink.before = () => {
          if (this.down) throw new SinkUnavailable('down');
        };
        this.sinks.push(sink);
        // known once it was opened
        return Object.assign(sink, { url: () => (sink.opened.length > 0 ? this.url : undefined) });
      },
    };
  }
  get steps(): number[] {
    return this.sinks.flatMap((sink) => sink.steps);
  }
}

let sample: ((host: string) => Promise<Record<string, number>>) | undefined;

function bridgeOf(...trackers: TrackerOptions[]): TrackerBridge {
  const bridge = new TrackerBridge({
    dir,
    now: () => clock,
    sample,
    trackers: readTrackers(trackers, { env: {}, warn: () => {} }),
    backOff: { firstMs: 0, maxMs: 0, random: () => 0 },
  });
  bridges.push(bridge);
  return bridge;
}

const LONG = { milliseconds: 10_000, patience: 0 };

interface Sent {
  event: string;
  seq?: number;
  attributes?: Attributes;
  body?: AttributeValue;
  time?: number;
}

function request(records: Sent[], resource: Attributes = {}): OtlpRequest {
  return {
    signal: 'logs',
    resourceLogs: [
      {
        resource: {
          attributes: {
            [ATTR.runId]: 'r1',
            [ATTR.runName]: 'calm river',
            [ATTR.runProject]: 'demo',
            [ATTR.rank]: 0,
            ...resource,
          },
        },
        scopeLogs: [
          {
            scope: { name: '', version: '', attributes: {} },
            logRecords: records.map(({ event, seq, attributes = {}, body = null, time = 1000 }) => ({
              eventName: event,
              timeUnixNano: BigInt(time) * 1_000_000n,
              observedTimeUnixNano: 0n,
              severityNumber: 9,
              severityText: '',
              attributes: seq === undefined ? attributes : { [ATTR.runSeq]: seq, ...attributes },
              body,
              traceId: '',
              spanId: '',
              flags: 0,
              droppedAttributesCount: 0,
            })),
          },
        ],
      },
    ],
  } as unknown as OtlpRequest;
}

const start = (seq = 0): Sent => ({
  event: EVENT.runStart,
  seq,
  attributes: { [ATTR.runTags]: { team: 'red' } },
  body: { lr: 0.5 },
});
const step = (seq: number, number = seq, loss: AttributeValue = 1): Sent => ({
  event: EVENT.trainingStep,
  seq,
  attributes: { [ATTR.trainingStep]: number },
  body: { 'train/loss': loss },
});
const end = (seq: number): Sent => ({
  event: EVENT.runEnd,
  seq,
  attributes: { [ATTR.runStatus]: 'finished' },
  body: { best: 1 },
});

const histogram = (seq: number, body: AttributeValue): Sent => ({
  event: EVENT.trainingHistogram,
  seq,
  attributes: { [ATTR.trainingStep]: 7n, [ATTR.histogramName]: 'gradients/a' },
  body,
});

describe('a run that the hub receives', () => {
  it('goes on with its histograms; one without bins that fit is left out', async () => {
    const place = new Place();
    const bridge = bridgeOf(place.options('one'));
    const bins = { edges: [0, 0.5, 1n], counts: [3n, 1n], sum: 2, positive_infinity: 2n };
    await bridge.take(request([start(), histogram(1, bins), histogram(2, { edges: [0], counts: [1, 2] })]));
    await bridge.drain(LONG);
    expect(place.sinks[0]?.records).toMatchObject([
      {
        kind: 'histogram',
        step: 7,
        name: 'gradients/a',
        histogram: {
          edges: [0, 0.5, 1],
          counts: [3, 1],
          min: undefined,
          sum: 2,
          nan: 0,
          positiveInfinity: 2,
        },
      },
    ]);
  });

  it('goes to every tracker: facts, steps with NaN, end', async () => {
    const one = new Place();
    const two = new Place();
    const bridge = bridgeOf(one.options('one'), two.options('two'));
    await bridge.take(request([start(), step(1), step(2, 2, Number.NaN)]));
    await bridge.take(request([end(3)]));
    await bridge.drain(LONG);
    for (const place of [one, two]) {
      const [sink] = place.sinks;
      expect(sink?.opened[0]?.run).toMatchObject({
        id: 'r1',
        name: 'calm river',
        project: 'demo',
        params: { lr: 0.5 },
        tags: { team: 'red' },
      });
      expect(sink?.records).toMatchObject([
        { values: { 'train/loss': 1 } },
        { values: { 'train/loss': Number.NaN } },
      ]);
      expect(sink?.closed).toEqual([{ status: 'finished', summary: { best: 1 } }]);
    }
    expect(bridge.health('r1')).toMatchObject([
      { sink: 'one', status: 'current', lag: 0, rank: 0 },
      { sink: 'two', status: 'current', lag: 0, rank: 0 },
    ]);
  });

  it('that is sent again goes there once', async () => {
    const place = new Place();
    const bridge = bridgeOf(place.options('one'));
    await bridge.take(request([start(), step(1), step(2)]));
    await bridge.take(request([step(2), step(1), step(3)]));
    await bridge.drain(LONG);
    await bridge.take(request([start(), step(3), step(4)]));
    await bridge.drain(LONG);
    expect(place.steps).toEqual([1, 2, 3, 4]);
  });

  it('without sequence numbers, from a foreign sender, goes there too, a resend once', async () => {
    const place = new Place();
    const bridge = bridgeOf(place.options('one'));
    const foreign = (number: number): Sent => {
      const { seq: _, ...sent } = step(number);
      return { ...sent, time: 1000 + number };
    };
    const { seq: _, ...begun } = start();
    await bridge.take(request([begun, foreign(1), foreign(2)]));
    await bridge.take(request([foreign(2), foreign(3)]));
    await bridge.drain(LONG);
    expect(place.steps).toEqual([1, 2, 3]);
  });

  it('waits for its start, which may come later than its steps', async () => {
    const place = new Place();
    const bridge = bridgeOf(place.options('one'));
    await bridge.take(request([step(1)]));
    await bridge.drain(LONG);
    expect(place.sinks[0]?.opened).toEqual([]);
    await bridge.take(request([start()]));
    await bridge.drain(LONG);
    expect(place.sinks[0]?.opened[0]?.run.params).toEqual({ lr: 0.5 });
    expect(place.steps).toEqual([1]);
  });

  it('whose start never comes goes there by what its records say', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const place = new Place();
    const bridge = bridgeOf(place.options('one'));
    await bridge.take(request([step(1)]));
    vi.advanceTimersByTime(9000);
    await bridge.drain(LONG);
    expect(place.sinks[0]?.opened).toEqual([]);
    clock += 10_000;
    vi.advanceTimersByTime(1000);
    await bridge.drain(LONG);
    expect(place.sinks[0]?.opened[0]?.run).toMatchObject({ name: 'calm river', project: 'demo', params: {} });
    expect(place.steps).toEqual([1]);
  });

  it('under way has what its host is doing beside it, every ten seconds', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const asked: string[] = [];
    sample = (host) => {
      asked.push(host);
      return Promise.resolve({ 'system/cpu_percent': 50 });
    };
    const place = new Place();
    const bridge = bridgeOf(place.options('one'));
    await bridge.take(request([start(), step(1)], { [ATTR.hostName]: 'node7' }));
    for (let second = 0; second < 25; second++) {
      clock += 1000;
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(asked).toEqual(['node7', 'node7']);
    await bridge.take(request([end(2)], { [ATTR.hostName]: 'node7' }));
    clock += 30_000;
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked).toHaveLength(2);
    await bridge.drain(LONG);
    const records = place.sinks[0]?.records.filter(({ kind }) => kind === 'system');
    expect(records).toMatchObject([{ sample: 0 }, { sample: 1, values: { 'system/cpu_percent': 50 } }]);
  });

  it('of which nothing comes any more is ended there as killed, and goes on there when it goes on', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const place = new Place();
    const bridge = bridgeOf(place.options('one'));
    await bridge.take(request([start(), step(1)]));
    await bridge.drain(LONG);
    clock += 9 * 60_000;
    vi.advanceTimersByTime(1000);
    await bridge.drain(LONG);
    const [sink] = place.sinks;
    expect(sink?.closed).toEqual([]);
    clock += 60_000;
    vi.advanceTimersByTime(1000);
    await vi.waitFor(async () => {
      await bridge.drain(LONG);
      expect(sink?.closed).toEqual([{ status: 'killed', summary: {} }]);
    });
    await bridge.take(request([step(2), end(3)]));
    await bridge.drain(LONG);
    expect(place.steps).toEqual([1, 2]);
    expect(sink?.closed.map(({ status }) => status)).toEqual(['killed', 'finished']);
  });

  it('of further ranks goes there only when that is asked for', async () => {
    const first = new Place();
    const all = new Place();
    const bridge = bridgeOf(first.options('one'), all.options('two', { ranks: 'all' }));
    await bridge.take(request([start(), step(1)]));
    await bridge.take(request([start(), step(1, 7)], { [ATTR.rank]: 1 }));
    await bridge.drain(LONG);
    expect(first.steps).toEqual([1]);
    expect(all.steps.toSorted((a, b) => a - b)).toEqual([1, 7]);
  });

  it('is not sent where its own process sends it', async () => {
    const one = new Place();
    const bridge = bridgeOf({ platform: 'mlflow', trackingUri: 'http://127.0.0.1:9' }, one.options('one'));
    await bridge.take(request([start(), step(1)], { [ATTR.runForwarded]: 'mlflow,wandb' }));
    await bridge.drain(LONG);
    expect(one.steps).toEqual([1]);
    expect(bridge.health('r1')).toMatchObject([
      { sink: 'one', rank: 0, status: 'current' },
      { sink: 'mlflow', rank: 0, status: 'in_process' },
      { sink: 'wandb', rank: 0, status: 'in_process' },
    ]);
  });

  it('tells where its trackers stand, and their pages, after it was let go and by the next hub too', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const place = new Place();
    place.url = 'http://127.0.0.1:5000/run';
    const bridge = bridgeOf(place.options('one'));
    await bridge.take(request([start(), step(1), end(2)], { [ATTR.runForwarded]: 'wandb' }));
    await bridge.drain(LONG);
    const stood = bridge.health('r1');
    expect(stood).toMatchObject([
      { sink: 'one', status: 'current', acknowledged: 2, sent: 2, url: place.url },
      { sink: 'wandb', status: 'in_process' },
    ]);
    clock += 60_000;
    vi.advanceTimersByTime(1000);
    await vi.waitFor(() => expect(readdirSync(join(dir, 'r1', '0'))).toContain('health.json'));
    expect(bridge.health('r1')).toEqual(stood);
    await bridge.stop();
    for (let hub = 0; hub < 2; hub++) {
      const next = bridgeOf(place.options('one'));
      await vi.waitFor(() =>
        expect(next.health('r1')).toMatchObject([
          { sink: 'one', status: 'current', acknowledged: 2, url: place.url },
          { sink: 'wandb', status: 'in_process' },
        ]),
      );
      await next.stop();
    }
    expect(bridgeOf().health('no such run')).toEqual([]);
  });

  it('that has ended is not ended once more by a hub that starts later and hears nothing of it', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const place = new Place();
    const bridge = bridgeOf(place.options('one'));
    await bridge.take(request([start(), step(1), end(2)]));
    await bridge.drain(LONG);
    clock += 60_000;
    vi.advanceTimersByTime(1000);
    await vi.waitFor(() => expect(readdirSync(join(dir, 'r1', '0'))).toContain('health.json'));
    await bridge.stop();
    const next = bridgeOf(place.options('one'));
    clock += 11 * 60_000;
    vi.advanceTimersByTime(1000);
    await next.drain(LONG);
    await next.stop();
    expect(place.sinks.flatMap(({ closed }) => closed)).toEqual([
      { status: 'finished', summary: { best: 1 } },
    ]);
  });

  it('whose kept state is damaged still answers', async () => {
    const place = new Place();
    const bridge = bridgeOf(place.options('one'));
    await bridge.take(request([start(), step(1)]));
    writeFileSync(join(dir, 'r1', '0', 'health.json'), '[{"sink":');
    expect(bridge.health('r1')).toHaveLength(1);
    await bridge.stop();
    expect(bridge.health('r1')).toMatchObject([{ sink: 'one', lag: 2 }]);
    writeFileSync(join(dir, 'r1', '0', 'health.json'), '[{"sink":');
    expect(bridge.health('r1')).toEqual([]);
  });
});

describe('a tracker that is down', () => {
  it('costs another nothing, and is caught up with by the next hub', async () => {
    const well = new Place();
    const sick = new Place();
    sick.down = true;
    const first = bridgeOf(well.options('well'), sick.options('sick'));
    await first.take(request([start(), step(1), step(2), end(3)]));
    await first.drain(LONG);
    expect(well.steps).toEqual([1, 2]);
    expect(first.health('r1')).toMatchObject([{ status: 'current' }, { status: 'unavailable', lag: 4 }]);
    await first.stop();
    sick.down = false;
    const second = bridgeOf(well.options('well'), sick.options('sick'));
    await second.drain(LONG);
    expect(sick.steps).toEqual([1, 2]);
    expect(well.steps).toEqual([1, 2]);
    expect(sick.sinks.at(-1)?.closed).toHaveLength(1);
  });

  it.each([
    ['half written', Buffer.from([40, 0, 0, 0, 1, 2, 3, 4, 5])],
    ['damaged', Buffer.from([3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7])],
  ])(
    'gets nothing torn: the end of a spool that is %s is cut, and what is sent again is whole',
    async (_, end) => {
      const place = new Place();
      place.down = true;
      const first = bridgeOf(place.options('one'));
      await first.take(request([start(), step(1)]));
      await first.stop();
      const [run] = readdirSync(dir);
      appendFileSync(join(dir, run ?? '', '0', 'entries.bin'), end);
      place.down = false;
      const second = bridgeOf(place.options('one'));
      await second.take(request([step(2)]));
      await second.drain(LONG);
      expect(place.steps).toEqual([1, 2]);
    },
  );
});

describe('a run that is over and everywhere', () => {
  it('leaves no spool behind, and is known when it is resumed or sent again', async () => {
    const place = new Place();
    const first = bridgeOf(place.options('one'));
    await first.take(
      request([start(), ...Array.from({ length: 600 }, (_, index) => step(index + 1)), end(601)]),
    );
    await first.drain(LONG);
    await first.stop();
    const second = bridgeOf(place.options('one'));
    // what has ended and is settled is let go when a hub starts
    const file = join(dir, readdirSync(dir)[0] ?? '', '0', 'entries.bin');
    await vi.waitFor(() => expect(statSync(file).size).toBe(0));
    await second.take(request([step(5), end(601), step(602), step(603), end(604)]));
    await second.drain(LONG);
    expect(place.steps).toEqual([...Array.from({ length: 600 }, (_, index) => index + 1), 602, 603]);
  });
});
