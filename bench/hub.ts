/* oxlint-disable unicorn/require-post-message-target-origin -- threads, not windows */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { createOtlpReceiver } from '../src/hub/receiver/index.ts';
import { openStore, type Store } from '../src/hub/store/index.ts';
import { decodeRequest, encodeRequest } from '../src/otlp/index.ts';
import {
  metricsRequest,
  oneSeriesRequest,
  randomSource,
  RUN,
  SERIES,
  START,
  stepsRequest,
  VALUES,
  type Values,
} from './hub-data.ts';
import { type BenchRow, benchRow, median } from './row.ts';

const ROUNDS = 5;
const QUERY_ROUNDS = 9;
const WARM_UP = 3;
/** Points of each series in a round of ingestion: enough for a sealing to fall into every second round. */
const TICKS = 500;
/** Of each series where the bytes are counted: a sealing of the default size. */
const TICKS_STORED = 1000;
const IN_FLIGHT = 8;
const CONTENT_TYPE = 'application/x-protobuf';
const QUERY_POINTS = 4800;

/**
 * - `hub.append_points_per_s`: decode and append, durable (fsync), without HTTP.
 * - `hub.ingest_points_per_s`: the same over HTTP loopback through the receiver; the client is a thread of its own,
 *   so hub and client have a core each.
 * - `hub.bytes_per_point*`: size of the data directory after close, by the points in it.
 * - `hub.query_1m_ms`: one series of a million points read from the file, decompressed and reduced by M4.
 */
export async function benchHub(): Promise<BenchRow[]> {
  const bodies = encodedBodies();
  const append: number[] = [];
  const ingest: number[] = [];
  await withDirectory((directory) => appendRate(directory, bodies.slice(0, 100)));
  for (let round = 0; round < ROUNDS; round++) {
    append.push(await withDirectory((directory) => appendRate(directory, bodies)));
    ingest.push(await withDirectory((directory) => ingestRate(directory, bodies)));
  }
  const query = await withDirectory(queryMillionPoints);
  const steps = await withDirectory(queryMillionSteps);
  return [
    higher('hub.ingest_points_per_s', median(ingest), 200_000),
    higher('hub.append_points_per_s', median(append), 200_000),
    lower('hub.bytes_per_point', await bytesPerPoint(VALUES.noisy), 'By', 8),
    lower('hub.bytes_per_point_random_bits', await bytesPerPoint(VALUES.random), 'By', null),
    lower('hub.bytes_per_point_counters_and_percents', await bytesPerPoint(VALUES.usual), 'By', null),
    lower('hub.query_1m_ms', query, 'ms', 100),
    lower('hub.query_1m_steps_ms', steps, 'ms', 100),
  ];
}

function higher(name: string, value: number, goal: number): BenchRow {
  return benchRow({ name, value, unit: 'points/s', goal, better: 'higher' });
}
function lower(name: string, value: number, unit: string, goal: number | null): BenchRow {
  return benchRow({ name, value, unit, goal, better: 'lower' });
}

function encodedBodies(): Uint8Array[] {
  const random = randomSource(1);
  const values = VALUES.noisy(random);
  return Array.from({ length: TICKS }, (_, tick) => encodeRequest(metricsRequest(tick, values, random)));
}

async function appendRate(directory: string, bodies: readonly Uint8Array[]): Promise<number> {
  const store = await openStore({ dataDir: directory });
  const began = performance.now();
  let next = 0;
  const sender = async (): Promise<void> => {
    while (next < bodies.length) {
      const bytes = bodies[next++]!;
      await store.append(decodeRequest('metrics', CONTENT_TYPE, bytes), { contentType: CONTENT_TYPE, bytes });
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, sender));
  const seconds = (performance.now() - began) / 1000;
  await store.close();
  return (bodies.length * SERIES) / seconds;
}

async function ingestRate(directory: string, bodies: readonly Uint8Array[]): Promise<number> {
  const store = await openStore({ dataDir: directory });
  const receive = createOtlpReceiver({ store });
  const server = createServer((req, res) => {
    if (!receive(req, res)) res.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = new Worker(new URL('./hub-client.ts', import.meta.url), {
    workerData: { port, connections: IN_FLIGHT },
  });
  const answer = await new Promise<{ ms: number } | { error: string }>((resolve, reject) => {
    client.once('message', resolve);
    client.once('error', reject);
    client.once('online', () => client.postMessage(bodies));
  });
  await client.terminate();
  server.close();
  await store.close();
  if ('error' in answer) throw new Error(answer.error);
  return (bodies.length * SERIES) / (answer.ms / 1000);
}

async function bytesPerPoint(kind: (random: () => number) => Values): Promise<number> {
  return withDirectory(async (directory) => {
    const random = randomSource(2);
    const values = kind(random);
    await fill(directory, TICKS_STORED, (store, tick) =>
      store.append(metricsRequest(tick, values, random), EMPTY),
    );
    return sizeOf(directory) / (TICKS_STORED * SERIES);
  });
}

async function queryMillionPoints(directory: string): Promise<number> {
  const values = VALUES.noisy(randomSource(3));
  await fill(directory, 1000, (store, index) => store.append(oneSeriesRequest(index, values), EMPTY));
  return queryTime(directory, async (store) => {
    const [series] = await store.points({
      name: 'bench.long',
      where: {},
      from: START,
      to: START + 1e9,
      maxPoints: QUERY_POINTS,
    });
    return series?.total ?? 0;
  });
}

async function queryMillionSteps(directory: string): Promise<number> {
  const values = VALUES.noisy(randomSource(4));
  await fill(directory, 1000, (store, index) => store.append(stepsRequest(index, values), EMPTY));
  return queryTime(directory, async (store) => {
    const series = await store.series({ run: RUN, key: 'train/loss', x: 'step', maxPoints: QUERY_POINTS });
    return series?.total ?? 0;
  });
}

/** In a store opened anew. The first questions, which start the reader and its compiler, are not counted. */
async function queryTime(directory: string, query: (store: Store) => Promise<number>): Promise<number> {
  const store = await openStore({ dataDir: directory });
  await store.instruments();
  const times: number[] = [];
  for (let round = -WARM_UP; round < QUERY_ROUNDS; round++) {
    const began = performance.now();
    const total = await query(store);
    if (round >= 0) times.push(performance.now() - began);
    if (total !== 1_000_000) throw new Error(`the query saw ${total} points instead of a million`);
  }
  await store.close();
  return median(times);
}

/** The journal's copy of a request, where only what is sealed matters. */
const EMPTY = { contentType: CONTENT_TYPE, bytes: new Uint8Array(0) } as const;

async function fill(
  directory: string,
  requests: number,
  append: (store: Store, index: number) => Promise<unknown>,
): Promise<void> {
  const store = await openStore({ dataDir: directory });
  for (let index = 0; index < requests; index++) await append(store, index);
  await store.close();
}

async function withDirectory<T>(action: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'llm-otel-bench-'));
  try {
    return await action(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function sizeOf(directory: string): number {
  let bytes = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size;
  }
  return bytes;
}
