import type { ServerResponse } from 'node:http';
import type { LiveUpdate, RunSummary, Tile } from '../../conventions/index.ts';
import { toJson } from '../api/json-chunks.ts';
import type { StepsSince, Store } from '../store/store.ts';
import { EventStream, HEARTBEAT } from './event-stream.ts';
import { type TileRequest, createTileBoard } from './tile-board.ts';

export interface Subscription extends TileRequest {
  /** Seconds that changes are gathered for. */
  interval: number;
  /** Id of the last event that the client has seen, when it comes back. */
  lastEventId?: string | undefined;
}

export interface LiveFeed {
  /** Takes the response over. False when there are as many clients as there may be; the response is untouched then. */
  subscribe(response: ServerResponse, subscription: Subscription): Promise<boolean>;
  /** What came after the cursor, for clients that poll; 0 = from now on. */
  delta(since: number, watched: TileRequest): Promise<LiveUpdate>;
  tiles(request: TileRequest, now: number): Promise<Tile[]>;
  clients(): number;
  /** Updates that were left out since a client did not read. */
  dropped(): number;
  close(): void;
}

export interface LiveFeedOptions {
  store: Store;
  version: string;
  now: () => number;
  log: (level: 'info' | 'warn' | 'error', message: string) => void;
  /** Calls back every so many ms until stopped; for tests. */
  every?: (ms: number, run: () => void) => () => void;
  /** Told apart from other starts of the hub, whose cursors mean other things. */
  epoch?: string;
}

/** Most clients at a time. */
export const MOST_CLIENTS = 32;
/** Most points of one update; beyond it the client reads its series anew. */
const MOST_POINTS = 20_000;
/** Newest runs that are told. */
const MOST_RUNS = 200;
/** How often the feed looks at its clients, ms. */
const BEAT = 1000;
/** Without anything new, tiles are still told this often, ms: rates fall when nothing comes. */
const IDLE = HEARTBEAT;

interface Client {
  stream: EventStream;
  interval: number;
  watched: TileRequest;
  cursor: number;
  /** An update was left out, or the place to resume from is not known. */
  missed: boolean;
  /** Version of the store's content at the last update, and its time; `undefined` before the first. */
  sent: { version: number; at: number } | undefined;
  /** What was told of each run. */
  runs: Map<string, string>;
}

/** Live updates, gathered per interval: whatever is the same for several clients is read once per beat. */
export function createLiveFeed(options: LiveFeedOptions): LiveFeed {
  const { store, now, log } = options;
  const every = options.every ?? repeat;
  const epoch = options.epoch ?? Math.floor(now()).toString(36);
  const board = createTileBoard(store);
  const clients = new Set<Client>();
  let version = 0;
  let dropped = 0;
  let beating = false;
  let closed = false;

  const stopListening = store.onChange(() => {
    version += 1;
  });
  const stopBeating = every(BEAT, () => void beat());

  async function beat(): Promise<void> {
    const at = now();
    for (const client of clients) client.stream.tend(at);
    if (beating || clients.size === 0) return;
    beating = true;
    try {
      const due = [...clients].filter((client) => isDue(client, at));
      const read = oncePerBeat();
      await Promise.all(due.map((client) => update(client, at, read)));
    } catch (error) {
      log('error', `a live update failed: ${error instanceof Error ? error.message : 'unknown error'}`);
    } finally {
      beating = false;
    }
  }

  /** Clients of one interval are due in the same beat, whenever they came. */
  function isDue(client: Client, at: number): boolean {
    if (!client.sent) return false;
    const period = client.interval * 1000;
    if (Math.floor(at / period) === Math.floor(client.sent.at / period)) return false;
    return client.missed || client.sent.version !== version || at - client.sent.at >= IDLE;
  }

  interface Reads {
    steps(since: number): Promise<StepsSince | undefined>;
    runs(): Promise<RunSummary[]>;
  }
  function oncePerBeat(): Reads {
    const steps = new Map<number, Promise<StepsSince | undefined>>();
    let runs: Promise<RunSummary[]> | undefined;
    return {
      steps(since) {
        const before = steps.get(since);
        if (before) return before;
        const read = store.stepsSince(since, MOST_POINTS);
        steps.set(since, read);
        return read;
      },
      runs: () => (runs ??= store.runs({ limit: MOST_RUNS }).then((answer) => answer.runs)),
    };
  }

  async function update(client: Client, at: number, read: Reads): Promise<void> {
    if (!client.stream.ready) {
      client.missed = true;
      dropped += 1;
      return;
    }
    const seen = version;
    const [points, runs, tiles] = await Promise.all([
      pointsSince(client.cursor, client.missed, read),
      read.runs(),
      board.tiles(client.watched, at),
    ]);
    if (!clients.has(client)) return;
    client.cursor = points.cursor;
    client.missed = false;
    client.sent = { version: seen, at };
    const payload: LiveUpdate = { now: at, runs: changedRuns(client, runs), tiles, ...points };
    client.stream.send('update', `${epoch}-${points.cursor}`, toJson(payload), at);
  }

  /** Points after a cursor; when they cannot be told, or are too many, the client is sent on to read anew. */
  async function pointsSince(
    since: number,
    missed: boolean,
    read: Reads,
  ): Promise<Pick<LiveUpdate, 'cursor' | 'points' | 'resync'>> {
    // Before the reads of runs and series that the client makes: what comes meanwhile is told to it again.
    const newest = store.cursor();
    const found = missed ? undefined : await read.steps(since);
    if (!found || found.truncated) return { cursor: newest, points: [], resync: true };
    return { cursor: found.cursor, points: found.points, resync: false };
  }

  return {
    async subscribe(response, { interval, keys, window, run, lastEventId }) {
      if (closed || clients.size >= MOST_CLIENTS) return false;
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        // nginx: do not gather the stream.
        'x-accel-buffering': 'no',
      });
      const at = now();
      const resumed = resumeFrom(lastEventId, epoch);
      const client: Client = {
        stream: new EventStream(response, at),
        interval,
        watched: { keys, window, run },
        cursor: resumed ?? store.cursor(),
        missed: lastEventId !== undefined && resumed === undefined,
        sent: undefined,
        runs: new Map(),
      };
      clients.add(client);
      response.on('close', () => clients.delete(client));
      client.stream.send(
        'hello',
        `${epoch}-${client.cursor}`,
        toJson({ cursor: client.cursor, version: options.version }),
        at,
      );
      try {
        await update(client, at, oncePerBeat());
      } catch (error) {
        log('error', `a live update failed: ${error instanceof Error ? error.message : 'unknown error'}`);
      }
      // Also when the first update failed: the next beat tries again.
      client.sent ??= { version: -1, at: 0 };
      return true;
    },

    async delta(since, watched) {
      const at = now();
      const read = oncePerBeat();
      const [points, runs, tiles] = await Promise.all([
        since === 0 ? { cursor: store.cursor(), points: [], resync: false } : pointsSince(since, false, read),
        read.runs(),
        board.tiles(watched, at),
      ]);
      return { now: at, runs, tiles, ...points };
    },

    tiles: (request, at) => board.tiles(request, at),
    clients: () => clients.size,
    dropped: () => dropped,
    close() {
      closed = true;
      stopBeating();
      stopListening();
      for (const client of clients) client.stream.end();
      clients.clear();
    },
  };
}

/** The cursor of an event id of this start of the hub; `undefined` for another's. */
function resumeFrom(id: string | undefined, epoch: string): number | undefined {
  const match = /^([0-9a-z]+)-(\d{1,16})$/.exec(id ?? '');
  return match && match[1] === epoch ? Number(match[2]) : undefined;
}

/** Runs that the client has not been told in this state. A run may change without a record: it falls silent. */
function changedRuns(client: Client, runs: readonly RunSummary[]): RunSummary[] {
  const told = new Map<string, string>();
  const changed = runs.filter((run) => {
    const state = `${run.updatedAt} ${run.status} ${run.steps}`;
    told.set(run.id, state);
    return client.runs.get(run.id) !== state;
  });
  client.runs = told;
  return changed;
}

function repeat(ms: number, run: () => void): () => void {
  const timer = setInterval(run, ms);
  timer.unref();
  return () => clearInterval(timer);
}
