import { connect } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { MOST_CLIENTS } from '../../../src/hub/live/feed.ts';
import { FakeStore, runDetail } from '../fake-store.ts';
import { ask, startFakeHub } from '../running-hub.ts';

/** Reads an event stream until a text has come. */
async function readUntil(response: Response, wanted: string): Promise<string> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = '';
  while (!text.includes(wanted)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the stream ended before ${wanted}: ${text}`);
    text += decoder.decode(value, { stream: true });
  }
  reader.releaseLock();
  return text;
}

describe('GET /api/live', () => {
  it('streams what changes', async () => {
    const store = new FakeStore();
    store.details = [runDetail('r1')];
    const { hub } = await startFakeHub({}, store);
    store.change();
    const response = await fetch(`${hub.url}/api/live?interval=1&keys=train/loss&window=6h`);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    const first = await readUntil(response, 'event: update');
    expect(first).toMatch(/^event: hello\nid: \w+-\d+\ndata: {"cursor":\d+,"version":"0.0.0-test"}\n\n/);
    store.steps = [{ run: 'r1', key: 'train/loss', rank: 0, step: [9], time: [9], value: [Number.NaN] }];
    store.change();
    expect(await readUntil(response, '"value":["NaN"]')).toContain('event: update');
    await response.body?.cancel();
  });

  it('refuses what it cannot do, as JSON', async () => {
    const { hub } = await startFakeHub();
    expect((await ask(`${hub.url}/api/live?interval=0`)).status).toBe(400);
    expect((await ask(`${hub.url}/api/live?interval=61`)).status).toBe(400);
    expect((await ask(`${hub.url}/api/live`, { method: 'HEAD' })).status).toBe(200);
  });

  it('refuses more clients than it may have, and takes another when one has left', async () => {
    const { hub } = await startFakeHub();
    const { port } = new URL(hub.url);
    const sockets = await Promise.all(
      Array.from({ length: MOST_CLIENTS }, async () => {
        const socket = connect(Number(port), '127.0.0.1');
        socket.write('GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
        await once(socket, 'data');
        return socket;
      }),
    );
    const refused = await ask(`${hub.url}/api/live`);
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '10']);
    expect(refused.text).toContain('/api/delta');
    const metrics = (await ask(`${hub.url}/metrics`)).text;
    expect(metrics).toContain(`llm_otel_hub_live_clients ${MOST_CLIENTS}`);
    for (const socket of sockets) socket.destroy();
    await Promise.all(sockets.filter(({ closed }) => !closed).map((socket) => once(socket, 'close')));
    for (;;) {
      const response = await fetch(`${hub.url}/api/live`);
      await response.body?.cancel();
      if (response.status === 200) break;
    }
  });
});
