import { once } from 'node:events';
import http from 'node:http';
import type { Signal } from '../../../src/otlp/index.ts';
import { Collector } from './collector.ts';
import { bodyOf, quantile } from './ledger.ts';
import { type IsolationRow, rounded } from './row.ts';
import { configsOf, makePlace, removePlace, SHIPPED } from './shipped.ts';

const CONNECTIONS = 4;
const ITEMS = 1000;
const BODIES = 32;
/** Requests a second of the latency measurement: far from saturation. */
const CALM_RATE = 50;
const CALM_ITEMS = 100;

/**
 * What the shipped base, hub and file files let through of one signal: items a second and a Collector CPU-second
 * at saturation, memory, and what the way through the Collector adds to a client's wait for its acknowledgement.
 */
export async function measureThroughput(
  binary: string,
  signal: Signal,
  seconds: number,
): Promise<IsolationRow> {
  const counter = await startCounter();
  try {
    return await measure(binary, signal, seconds, counter);
  } finally {
    counter.server.closeAllConnections();
    counter.server.close();
  }
}

async function measure(
  binary: string,
  signal: Signal,
  seconds: number,
  counter: Counter,
): Promise<IsolationRow> {
  const place = await makePlace();
  const collector = await Collector.start({
    binary,
    configs: configsOf(['hub', 'file']),
    env: { ...place.env, [SHIPPED.hub.endpoint]: counter.url },
    metricsPort: place.metricsPort,
  });
  try {
    const path = `/v1/${signal}`;
    const calm = Array.from({ length: BODIES }, (_, i) => bodyOf(signal, i * CALM_ITEMS, CALM_ITEMS));
    const direct = await post(counter.url + path, calm, { seconds: 2, connections: 1, rate: CALM_RATE });
    const through = await post(place.url + path, calm, { seconds: 2, connections: 1, rate: CALM_RATE });
    const before = collector.usage().cpuSeconds;
    const bodies = Array.from({ length: BODIES }, (_, i) => bodyOf(signal, i * ITEMS, ITEMS));
    const full = await post(place.url + path, bodies, { seconds, connections: CONNECTIONS });
    const { cpuSeconds, peakMib } = collector.usage();
    return {
      name: `throughput.${signal}`,
      holds: full.failed === 0 && through.failed === 0 && full.latencies.length > 0,
      items_per_s: rounded((full.latencies.length * ITEMS) / full.seconds),
      items_per_collector_cpu_s: rounded((full.latencies.length * ITEMS) / (cpuSeconds - before)),
      saturated_p50_ms: rounded(quantile(full.latencies, 0.5), 1),
      saturated_p99_ms: rounded(quantile(full.latencies, 0.99), 1),
      calm_p50_ms: rounded(quantile(through.latencies, 0.5), 2),
      calm_p99_ms: rounded(quantile(through.latencies, 0.99), 2),
      added_p50_ms: rounded(quantile(through.latencies, 0.5) - quantile(direct.latencies, 0.5), 2),
      peak_mib: rounded(peakMib),
    };
  } finally {
    await collector.kill();
    removePlace(place);
  }
}

interface Counter {
  server: http.Server;
  url: string;
}

/** Takes everything and reads nothing of it: the receiver must not be what is measured. */
async function startCounter(): Promise<Counter> {
  const server = http.createServer((req, res) => {
    req.resume();
    req.once('end', () => {
      res.writeHead(200, { 'Content-Type': 'application/x-protobuf', 'Content-Length': 0 });
      res.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return { server, url: `http://127.0.0.1:${port}` };
}

interface Posted {
  /** Of requests that were answered 200, ms. */
  latencies: number[];
  failed: number;
  seconds: number;
}

/** Posts bodies in turn, without retries; as fast as it goes without a rate. */
async function post(
  url: string,
  bodies: readonly Uint8Array[],
  { seconds, connections, rate }: { seconds: number; connections: number; rate?: number },
): Promise<Posted> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const posted: Posted = { latencies: [], failed: 0, seconds: 0 };
  const began = performance.now();
  const end = began + seconds * 1000;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() < end) {
      const turn = next++;
      const due = rate === undefined ? 0 : began + (turn * 1000) / rate - performance.now();
      if (due > 0) await new Promise((resolve) => setTimeout(resolve, due));
      const sent = performance.now();
      const status = await postOne(url, bodies[turn % bodies.length] as Uint8Array, agent);
      if (status === 200) posted.latencies.push(performance.now() - sent);
      else posted.failed++;
    }
  };
  await Promise.all(Array.from({ length: connections }, lane));
  agent.destroy();
  posted.seconds = (performance.now() - began) / 1000;
  return posted;
}

function postOne(url: string, body: Uint8Array, agent: http.Agent): Promise<number> {
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length };
    const request = http.request(url, { method: 'POST', headers, agent }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
    });
    request.once('error', () => resolve(0));
    request.end(body);
  });
}
