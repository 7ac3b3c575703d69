import { beforeEach, describe, expect, it } from 'vitest';
import type { LiveUpdate } from '../../../src/conventions/hub-api.ts';
import {
  LiveConnection,
  type LiveState,
  type LiveStream,
  type LiveWorld,
} from '../../../src/dashboard/page/live/connection.ts';

const update = (cursor: number, resync = false): LiveUpdate => ({
  cursor,
  now: 0,
  runs: [],
  points: [],
  tiles: [],
  resync,
});

/** A world whose time stands still until it is moved. */
class FakeWorld implements LiveWorld {
  time = 0;
  streams: (LiveStream & { interval: number; closed: boolean })[] = [];
  polls: number[] = [];
  answer: () => Promise<LiveUpdate> = () => Promise.reject(new Error('down'));
  #timers: { at: number; run: () => void }[] = [];

  openStream(interval: number): LiveStream {
    const stream = {
      interval,
      closed: false,
      onOpen: undefined,
      onUpdate: undefined,
      onError: undefined,
      close() {
        stream.closed = true;
      },
    };
    this.streams.push(stream);
    return stream;
  }
  poll(cursor: number): Promise<LiveUpdate> {
    this.polls.push(cursor);
    return this.answer();
  }
  after(ms: number, run: () => void): () => void {
    const timer = { at: this.time + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }
  random = (): number => 0;
  now = (): number => this.time;

  get stream() {
    const stream = this.streams.at(-1);
    if (stream === undefined) throw new Error('no stream was opened');
    return stream;
  }
  /** Moves the time and lets promises settle. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((one) => one !== due);
      this.time = due.at;
      due.run();
      await settled();
    }
    this.time = end;
    await settled();
  }
}
const settled = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await Promise.resolve();
};

let world: FakeWorld;
let states: LiveState[];
let updates: [cursor: number, missed: boolean][];
let connection: LiveConnection;
const state = (): string | undefined => states.at(-1)?.kind;

beforeEach(() => {
  world = new FakeWorld();
  states = [];
  updates = [];
  connection = new LiveConnection(
    world,
    { state: (next) => states.push(next), update: (next, missed) => updates.push([next.cursor, missed]) },
    5,
  );
  connection.start();
});

describe('the live connection', () => {
  it('opens one stream with the interval, and is live once it is open', () => {
    expect(world.streams).toHaveLength(1);
    expect(world.stream.interval).toBe(5);
    expect(state()).toBe('connecting');
    world.stream.onOpen?.();
    expect(state()).toBe('live');
  });

  it('hands on updates; the first of all has missed nothing', () => {
    world.stream.onUpdate?.(update(4));
    world.stream.onUpdate?.(update(5));
    expect(updates).toEqual([
      [4, false],
      [5, false],
    ]);
  });

  it('says that something was missed when the hub says so', () => {
    world.stream.onUpdate?.(update(4, true));
    expect(updates).toEqual([[4, true]]);
  });

  it('comes back after a break, and says that something may have been missed', async () => {
    world.stream.onUpdate?.(update(4));
    world.stream.onError?.();
    expect(world.streams[0]?.closed).toBe(true);
    expect(states.at(-1)).toEqual({ kind: 'waiting', retryAt: 1000 });
    await world.pass(1000);
    expect(world.streams).toHaveLength(2);
    world.stream.onOpen?.();
    world.stream.onUpdate?.(update(9));
    expect(updates.at(-1)).toEqual([9, true]);
    expect(state()).toBe('live');
  });

  it('waits longer after each failure in a row', async () => {
    world.stream.onError?.();
    await world.pass(999);
    expect(world.streams).toHaveLength(1);
    await world.pass(1);
    world.stream.onError?.();
    await world.pass(1999);
    expect(world.streams).toHaveLength(2);
    await world.pass(1);
    expect(world.streams).toHaveLength(3);
  });

  describe('when the stream cannot be had', () => {
    beforeEach(async () => {
      world.stream.onUpdate?.(update(4));
      world.answer = () => Promise.resolve(update(7));
      world.stream.onError?.();
      await world.pass(1000);
      world.stream.onError?.();
      await world.pass(2000);
      world.stream.onError?.();
      await settled();
    });

    it('polls from the last cursor, at the interval', async () => {
      expect(world.polls).toEqual([4]);
      expect(state()).toBe('polling');
      expect(updates.at(-1)).toEqual([7, false]);
      await world.pass(5000);
      expect(world.polls).toEqual([4, 7]);
    });

    it('tries the stream at once when a poll works: the hub may have been down until then', async () => {
      await world.pass(0);
      expect(world.streams).toHaveLength(4);
      world.stream.onOpen?.();
      expect(state()).toBe('live');
    });

    it('tries a stream that cannot be had beside polls that work each minute, and goes back to it', async () => {
      await world.pass(0);
      world.stream.onError?.();
      await world.pass(59_999);
      expect(world.streams).toHaveLength(4);
      await world.pass(1);
      expect(world.streams).toHaveLength(5);
      const polled = world.polls.length;
      world.stream.onOpen?.();
      expect(state()).toBe('live');
      await world.pass(30_000);
      expect(world.polls).toHaveLength(polled);
    });

    it('tries the stream as soon as a hub that was down answers again', async () => {
      world.answer = () => Promise.reject(new Error('down'));
      await world.pass(20_000);
      const streams = world.streams.length;
      world.answer = () => Promise.resolve(update(8));
      await world.pass(30_000);
      expect(world.streams).toHaveLength(streams + 1);
      world.stream.onOpen?.();
      expect(state()).toBe('live');
      await world.pass(120_000);
      expect(world.streams).toHaveLength(streams + 1);
    });

    it('tries the stream at once when another hub answers than the time before', async () => {
      world.answer = () => Promise.resolve(update(8));
      await world.pass(20_000);
      world.stream.onError?.();
      const streams = world.streams.length;
      await world.pass(20_000);
      expect(world.streams).toHaveLength(streams);
      world.answer = () => Promise.resolve(update(1, true));
      await world.pass(5000);
      expect(world.streams).toHaveLength(streams + 1);
    });

    it('waits longer and longer while the hub is down, and never longer than half a minute', async () => {
      world.answer = () => Promise.reject(new Error('down'));
      await world.pass(5000);
      expect(state()).toBe('waiting');
      const before = world.polls.length;
      await world.pass(300_000);
      const tries = world.polls.length - before;
      expect(tries).toBeGreaterThanOrEqual(8);
      expect(tries).toBeLessThanOrEqual(16);
    });
  });

  it('takes up a new interval at once, with one stream', () => {
    connection.setInterval(30);
    expect(world.streams.map(({ interval, closed }) => [interval, closed])).toEqual([
      [5, true],
      [30, false],
    ]);
    connection.setInterval(30);
    expect(world.streams).toHaveLength(2);
  });

  it('does nothing more once stopped', async () => {
    world.stream.onError?.();
    connection.stop();
    await world.pass(100_000);
    expect(world.streams).toHaveLength(1);
    expect(state()).toBe('stopped');
  });
});
