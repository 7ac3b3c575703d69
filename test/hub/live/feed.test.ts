import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { LiveUpdate } from '../../../src/conventions/index.ts';
import { LONGEST_STALL, MOST_WAITING } from '../../../src/hub/live/event-stream.ts';
import { createLiveFeed, MOST_CLIENTS } from '../../../src/hub/live/feed.ts';
import { FakeStore, runDetail } from '../fake-store.ts';

/** A client whose reading the test decides. */
class Client extends EventEmitter {
  writableLength = 0;
  destroyed = false;
  ended = false;
  text = '';
  writeHead() {}
  write(text: string) {
    this.text += text;
    return true;
  }
  end() {
    this.ended = true;
    this.emit('close');
  }
  destroy() {
    this.destroyed = true;
    this.emit('close');
    return this;
  }
  get response(): ServerResponse {
    return this as unknown as ServerResponse;
  }
  events(): { event: string; id: string; data: LiveUpdate }[] {
    return this.text
      .split('\n\n')
      .filter((block) => block.startsWith('event: '))
      .map((block) => {
        const [event, id, data] = block.split('\n').map((line) => line.slice(line.indexOf(': ') + 2));
        return { event: event as string, id: id as string, data: JSON.parse(data as string) as LiveUpdate };
      });
  }
  updates(): LiveUpdate[] {
    return this.events().flatMap(({ event, data }) => (event === 'update' ? [data] : []));
  }
}

function world(epoch = 'e') {
  const store = new FakeStore();
  const clock = { now: 1_000_000_000 };
  let beat: () => unknown = () => {};
  const logged: string[] = [];
  const feed = createLiveFeed({
    store,
    version: '1',
    now: () => clock.now,
    log: (_, message) => logged.push(message),
    epoch,
    every: (_, run) => {
      beat = run;
      return () => {};
    },
  });
  return {
    store,
    clock,
    feed,
    logged,
    /** Lets a second pass at a time, and waits for what each beat started. */
    pass: async (seconds: number) => {
      for (let i = 0; i < seconds; i++) {
        clock.now += 1000;
        beat();
        await settled();
      }
    },
  };
}
/** All promise callbacks of the fake store have run after one turn of the event loop. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const steps = (value: number) => [
  { run: 'r1', key: 'train/loss', rank: 0, step: [1], time: [5], value: [value] },
];
const watched = { keys: ['train/loss'], window: 3_600_000 };

describe('the live stream', () => {
  it('says hello with the cursor and the version, then tells runs and tiles', async () => {
    const { store, feed } = world();
    store.details = [runDetail('r1')];
    store.change();
    const client = new Client();
    expect(await feed.subscribe(client.response, { interval: 5, ...watched })).toBe(true);
    const [hello, update] = client.events();
    expect(hello).toEqual({ event: 'hello', id: 'e-101', data: { cursor: 101, version: '1' } });
    expect(update?.data).toMatchObject({ cursor: 101, points: [], resync: false, runs: [{ id: 'r1' }] });
    expect(update?.data.tiles).toMatchObject([{ key: 'train/loss', value: 0.5, run: 'r1' }]);
  });

  it('tells a client that came before the first record what comes, without having it read anew', async () => {
    const { store, feed, pass } = world();
    const client = new Client();
    await feed.subscribe(client.response, { interval: 1, ...watched });
    expect(client.updates()[0]).toMatchObject({ cursor: 100, resync: false, points: [] });
    store.steps = steps(1);
    store.change();
    await pass(1);
    expect(client.updates()[1]).toMatchObject({ resync: false, cursor: 101, points: [{ value: [1] }] });
  });

  it('tells training tiles of the run that is asked for', async () => {
    const { store, feed } = world();
    const last = (value: number) => ({ 'train/loss': { value, step: 1, time: 5 } });
    store.details = [
      runDetail('ended', { status: 'finished', startedAt: 3000, last: last(3) }),
      runDetail('under way', { startedAt: 2000, updatedAt: 5000, last: last(2) }),
      runDetail('older', { startedAt: 1000, updatedAt: 9000, last: last(1) }),
    ];
    const valueOf = async (run?: string) => {
      const client = new Client();
      await feed.subscribe(client.response, { interval: 5, ...watched, run });
      const [told] = client.updates();
      const polled = await feed.delta(0, { ...watched, run });
      expect(polled.tiles).toEqual(told?.tiles);
      return told?.tiles.map((tile) => [tile.run, tile.value]);
    };
    expect(await valueOf('ended')).toEqual([['ended', 3]]);
    expect(await valueOf('older')).toEqual([['older', 1]]);
    expect(await valueOf('unknown')).toEqual([[null, null]]);
    // Of two under way not the one that wrote last, or the tile would jump between them.
    expect(await valueOf()).toEqual([['under way', 2]]);
  });

  it('gathers changes for the interval, and tells each once', async () => {
    const { store, feed, pass } = world();
    store.details = [runDetail('r1'), runDetail('r2')];
    store.change();
    const client = new Client();
    await feed.subscribe(client.response, { interval: 5, ...watched });
    store.steps = steps(Number.NaN);
    store.details = [runDetail('r1', { steps: 4 }), runDetail('r2')];
    store.change();
    await pass(4);
    expect(client.updates()).toHaveLength(1);
    await pass(1);
    expect(client.updates()).toHaveLength(2);
    expect(client.updates()[1]).toMatchObject({
      points: [{ key: 'train/loss', value: ['NaN'] }],
      runs: [{ id: 'r1', steps: 4 }],
      resync: false,
    });
    await pass(10);
    expect(client.updates()).toHaveLength(2);
  });

  it('reads once for all clients that are due', async () => {
    const { store, feed, pass, clock } = world();
    store.details = [runDetail('r1')];
    const clients = Array.from({ length: 10 }, () => new Client());
    for (const client of clients) {
      await feed.subscribe(client.response, { interval: 5, ...watched });
      clock.now += 137;
    }
    store.change();
    await pass(6);
    store.reads = { points: 0, histograms: 0, runs: 0, steps: 0 };
    store.change();
    await pass(5);
    for (const client of clients) expect(client.updates()).toHaveLength(3);
    // One list of runs, and one search for the run of the tile.
    expect(store.reads).toMatchObject({ steps: 1, runs: 2 });
  });

  it('resumes after the last event that the client saw', async () => {
    const { store, feed } = world();
    store.change();
    store.steps = steps(2);
    store.change();
    const client = new Client();
    await feed.subscribe(client.response, { interval: 5, ...watched, lastEventId: 'e-101' });
    expect(client.updates()[0]).toMatchObject({ cursor: 102, resync: false, points: [{ value: [2] }] });
  });

  it('has a client read anew that was last told by another start of the hub, or long ago', async () => {
    const { store, feed } = world();
    store.change();
    store.change();
    for (const lastEventId of ['other-101', 'nonsense']) {
      const client = new Client();
      await feed.subscribe(client.response, { interval: 5, ...watched, lastEventId });
      expect(client.updates()[0]).toMatchObject({ resync: true, points: [], cursor: 102 });
    }
    store.oldestCursor = 102;
    const late = new Client();
    await feed.subscribe(late.response, { interval: 5, ...watched, lastEventId: 'e-101' });
    expect(late.updates()[0]).toMatchObject({ resync: true, cursor: 102 });
  });

  it('has clients read anew when there is more than an update holds', async () => {
    const { store, feed, pass } = world();
    const client = new Client();
    store.change();
    await feed.subscribe(client.response, { interval: 1, ...watched });
    const many = Array.from({ length: 20_001 }, (_, i) => i);
    store.steps = [{ run: 'r1', key: 'k', rank: 0, step: many, time: many, value: many }];
    store.change();
    await pass(1);
    expect(client.updates()[1]).toMatchObject({ resync: true, points: [], cursor: 102 });
  });

  it('leaves updates out for a client that does not read, has it read anew later, and lets it go at last', async () => {
    const { store, feed, pass } = world();
    store.change();
    const client = new Client();
    await feed.subscribe(client.response, { interval: 1, ...watched });
    client.writableLength = MOST_WAITING + 1;
    store.steps = steps(3);
    store.change();
    await pass(5);
    expect(client.updates()).toHaveLength(1);
    expect(feed.dropped()).toBeGreaterThan(0);
    client.writableLength = 0;
    await pass(1);
    expect(client.updates()).toHaveLength(2);
    expect(client.updates()[1]).toMatchObject({ resync: true, points: [] });
    client.writableLength = MOST_WAITING + 1;
    await pass(LONGEST_STALL / 1000);
    expect(client.destroyed).toBe(false);
    await pass(1);
    expect(client.destroyed).toBe(true);
    expect(feed.clients()).toBe(0);
  });

  it('sends a comment every fifteen seconds, and tiles at least as often', async () => {
    const { feed, pass } = world();
    const client = new Client();
    await feed.subscribe(client.response, { interval: 60, ...watched });
    await pass(14);
    expect(client.text).not.toContain(': still here');
    await pass(1);
    expect(client.text.match(/^: still here$/gm)).toHaveLength(1);
    const other = new Client();
    await feed.subscribe(other.response, { interval: 5, ...watched });
    await pass(20);
    expect(other.updates().length).toBeGreaterThan(1);
  });

  it('tells a run that fell silent, although nothing came', async () => {
    const { store, feed, pass } = world();
    store.details = [runDetail('r1')];
    const client = new Client();
    await feed.subscribe(client.response, { interval: 5, ...watched });
    store.details = [runDetail('r1', { status: 'interrupted' })];
    await pass(20);
    expect(client.updates().at(-1)?.runs).toMatchObject([{ id: 'r1', status: 'interrupted' }]);
  });

  it('serves a bounded number of clients', async () => {
    const { feed } = world();
    const clients = Array.from({ length: MOST_CLIENTS }, () => new Client());
    for (const client of clients) await feed.subscribe(client.response, { interval: 5, ...watched });
    expect(await feed.subscribe(new Client().response, { interval: 5, ...watched })).toBe(false);
    clients[0]?.destroy();
    expect(await feed.subscribe(new Client().response, { interval: 5, ...watched })).toBe(true);
  });

  it('outlives a failed read, and tells what came when reads work again', async () => {
    const { store, feed, pass, logged } = world();
    store.change();
    const client = new Client();
    await feed.subscribe(client.response, { interval: 1, ...watched });
    store.steps = steps(4);
    store.change();
    store.failing = new Error('disk gone');
    await pass(2);
    expect(logged.join()).toContain('disk gone');
    store.failing = undefined;
    await pass(1);
    expect(client.updates().at(-1)).toMatchObject({ points: [{ value: [4] }] });
  });

  it('is ended when the hub stops, and takes nobody after that', async () => {
    const { feed } = world();
    const client = new Client();
    await feed.subscribe(client.response, { interval: 5, ...watched });
    feed.close();
    expect(client.ended).toBe(true);
    expect(await feed.subscribe(new Client().response, { interval: 5, ...watched })).toBe(false);
  });
});

describe('polling', () => {
  it('tells from now on, then what came after the cursor', async () => {
    const { store, feed } = world();
    const first = await feed.delta(0, watched);
    expect(first).toMatchObject({ points: [], resync: false });
    store.steps = steps(1);
    store.change();
    store.change();
    const second = await feed.delta(first.cursor, watched);
    expect(second).toMatchObject({ cursor: 102, resync: false, points: [{ value: [1] }] });
    store.steps = steps(7);
    store.change();
    expect(await feed.delta(second.cursor, watched)).toMatchObject({
      cursor: 103,
      resync: false,
      points: [{ value: [7] }],
    });
    expect(await feed.delta(999, watched)).toMatchObject({ cursor: 103, resync: true });
  });
});
