import { type IncomingHttpHeaders, request } from 'node:http';
import { afterEach } from 'vitest';
import { createOtlpReceiver } from '../../src/hub/receiver/index.ts';
import { type Hub, assembleHub } from '../../src/hub/server/hub.ts';
import type { HubOptions } from '../../src/hub/server/options.ts';
import { FakeStore } from './fake-store.ts';

const running = new Set<Hub>();
afterEach(async () => {
  await Promise.all([...running].map((hub) => hub.stop()));
  running.clear();
});

/** A hub over a store in memory, on free ports of loopback; stopped after the test. */
export async function startFakeHub(
  options: HubOptions = {},
  store = new FakeStore(),
): Promise<{ hub: Hub; store: FakeStore; logged: string[] }> {
  const logged: string[] = [];
  const hub = await assembleHub(
    { version: '0.0.0-test', openStore: () => Promise.resolve(store), createReceiver: createOtlpReceiver },
    { port: 0, otlpPort: false, log: (level, message) => logged.push(`${level} ${message}`), ...options },
  );
  running.add(hub);
  return { hub, store, logged };
}

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** A request as it is written, headers that `fetch` would not send included. */
export function ask(
  url: string,
  options: {
    method?: string;
    headers?: Record<string, string> | readonly string[];
    body?: string;
    path?: string;
  } = {},
): Promise<Reply> {
  const { method = 'GET', headers = {}, body, path } = options;
  const target = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: target.hostname,
        port: target.port,
        path: path ?? target.pathname + target.search,
        method,
        headers: headers as Record<string, string>,
        setHost: !Array.isArray(headers),
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString(),
          }),
        );
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
