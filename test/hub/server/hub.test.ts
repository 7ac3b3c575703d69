import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ListenError } from '../../../src/hub/server/listen.ts';
import { AnswerTooLargeError } from '../../../src/hub/store/answer-too-large-error.ts';
import { SECURITY_HEADERS } from '../../../src/hub/server/security-headers.ts';
import { FakeStore, gauge, histogramSeries, runDetail } from '../fake-store.ts';
import { ask, startFakeHub } from '../running-hub.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
function pageFolder(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'llm-otel-page-'));
  folders.push(folder);
  mkdirSync(join(folder, 'assets'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

describe('methods and errors', () => {
  it('answers HEAD as GET without the body, and other methods with what is possible', async () => {
    const { hub } = await startFakeHub();
    const head = await ask(`${hub.url}/api/runs`, { method: 'HEAD' });
    expect([head.status, head.text, head.headers['content-type']]).toEqual([
      200,
      '',
      'application/json; charset=utf-8',
    ]);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const reply = await ask(`${hub.url}/api/runs`, { method });
      expect([method, reply.status, reply.headers.allow]).toEqual([method, 405, 'GET, HEAD']);
    }
    expect((await ask(`${hub.url}/`, { method: 'POST' })).status).toBe(405);
  });

  it('names the parameter, what came and what is accepted', async () => {
    const { hub } = await startFakeHub();
    const said = async (path: string) => {
      const { status, text } = await ask(hub.url + path);
      expect(status).toBe(400);
      return (JSON.parse(text) as { error: { message: string } }).error.message;
    };
    expect(await said('/api/runs?limit=ten')).toBe(
      'Parameter `limit` is "ten"; accepted: a whole number from 1 to 10000.',
    );
    expect(await said('/api/runs?status=odd')).toMatch(/`status` is "odd"; accepted: running, finished/);
    expect(await said('/api/runs?limits=1')).toMatch(
      /Unknown parameter `limits`; accepted: project, status, limit/,
    );
    expect(await said('/api/runs?limit=1&limit=2')).toMatch(/one value/);
    expect(await said('/api/metrics/query')).toMatch(/`name` is missing/);
    expect(await said('/api/metrics/query?name=a&from=5&to=4')).toMatch(
      /`from` \(5\) is not below `to` \(4\)/,
    );
  });

  it('answers a failed read with 500, logs it without the query, and lives on', async () => {
    const { hub, store, logged } = await startFakeHub();
    store.failing = new Error('disk gone');
    const reply = await ask(`${hub.url}/api/runs?project=hush-hush`);
    expect([reply.status, reply.text.includes('disk gone')]).toEqual([500, false]);
    expect(logged.join()).toContain('GET /api/runs failed: Error: disk gone');
    expect(logged.join()).not.toContain('hush-hush');
    store.failing = undefined;
    expect((await ask(`${hub.url}/api/runs`)).status).toBe(200);
  });

  it('reads once for those who ask the same at a time, and anew for those who come after', async () => {
    const { hub, store } = await startFakeHub();
    store.histogramSeries = [histogramSeries('h', [{ time: 50, start: 10, counts: [3, 1] }], [1])];
    const ask3 = () =>
      Promise.all(
        ['p50', 'p95', 'p99'].map((agg) =>
          ask(`${hub.url}/api/metrics/query?name=h&agg=${agg}&from=1&to=1001`),
        ),
      );
    const read = store.histograms.bind(store);
    const arrived = Promise.withResolvers<void>();
    store.histograms = async (query) => {
      const answer = read(query);
      await arrived.promise;
      return answer;
    };
    const asked = ask3();
    // Each asks for the instruments on its way to the histogram.
    const instruments = store.instruments.bind(store);
    let seen = 0;
    store.instruments = () => {
      seen += 1;
      if (seen === 3) setImmediate(arrived.resolve);
      return instruments();
    };
    expect((await asked).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(store.reads.histograms).toBe(1);
    await ask3();
    expect(store.reads.histograms).toBeGreaterThan(1);
  });

  it('refuses an answer that would not fit, with what to do, and has nothing to log', async () => {
    const { hub, store, logged } = await startFakeHub();
    store.numbers = [gauge('big', [[1, 1]])];
    store.points = () => Promise.reject(new AnswerTooLargeError('big has too many points; ask for less.'));
    const reply = await ask(`${hub.url}/api/metrics/query?name=big&agg=value`);
    expect([reply.status, JSON.parse(reply.text)]).toEqual([
      400,
      { error: { code: 'too_many_points', message: 'big has too many points; ask for less.' } },
    ]);
    expect(logged).toEqual([]);
  });

  it('takes names of attributes and keys as names, whatever they are', async () => {
    const { hub, store } = await startFakeHub();
    store.numbers = [gauge('m', [[Date.now() - 1000, 7]], JSON.parse('{"__proto__":"p","constructor":"c"}'))];
    store.details = [runDetail('r1')];
    const seriesOf = async (query: string) =>
      (JSON.parse((await ask(`${hub.url}/api/metrics/query?name=m&${query}`)).text) as { series: unknown[] })
        .series.length;
    expect(await seriesOf('attr.__proto__=p')).toBe(1);
    expect(await seriesOf('attr.constructor=c')).toBe(1);
    expect(await seriesOf('attr.toString=c')).toBe(0);
    const { tiles } = JSON.parse(
      (await ask(`${hub.url}/api/tiles?run=r1&keys=constructor,__proto__,toString`)).text,
    ) as { tiles: { value: unknown; time: unknown }[] };
    expect(tiles.map(({ value, time }) => [value, time])).toEqual([
      [null, null],
      [null, null],
      [null, null],
    ]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('survives a client that goes away in the middle of a large answer', async () => {
    const store = new FakeStore();
    store.numbers = [
      gauge(
        'big',
        Array.from({ length: 300_000 }, (_, i) => [i + 1, i / 7] as const),
      ),
    ];
    const { hub, logged } = await startFakeHub({}, store);
    const { port } = new URL(hub.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(
      'GET /api/metrics/query?name=big&from=0&to=400000&maxPoints=0 HTTP/1.1\r\nHost: localhost\r\n\r\n',
    );
    await once(socket, 'data');
    socket.destroy();
    await once(socket, 'close');
    expect((await ask(`${hub.url}/healthz`)).status).toBe(200);
    await hub.stop();
    expect(logged.filter((line) => line.startsWith('error'))).toEqual([]);
  });
});

describe('answers', () => {
  it('carry the security headers, whatever the answer', async () => {
    const { hub } = await startFakeHub();
    for (const path of ['/', '/api/runs', '/nothing', '/api/runs?limit=x', '/healthz', '/metrics']) {
      const { headers } = await ask(hub.url + path);
      expect([path, headers]).toEqual([path, expect.objectContaining(SECURITY_HEADERS)]);
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  it('of the API are never cached, and compressed when large and wanted', async () => {
    const { hub, store } = await startFakeHub();
    store.details = Array.from({ length: 40 }, (_, i) => runDetail(`run-${i}`));
    const plain = await ask(`${hub.url}/api/runs`);
    expect([plain.headers['cache-control'], plain.headers['content-encoding']]).toEqual([
      'no-store',
      undefined,
    ]);
    const response = await fetch(`${hub.url}/api/runs`, { headers: { 'accept-encoding': 'gzip' } });
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect(await response.json()).toEqual(JSON.parse(plain.text));
    const refused = await ask(`${hub.url}/api/runs`, { headers: { 'accept-encoding': 'gzip;q=0, deflate' } });
    expect(refused.headers['content-encoding']).toBeUndefined();
  });

  it('of a hundred thousand points are exact, NaN included, plain and compressed', async () => {
    const store = new FakeStore();
    const points = Array.from(
      { length: 100_000 },
      (_, i) => [i + 1, i % 1000 === 7 ? Number.NaN : i / 3] as const,
    );
    store.numbers = [gauge('big', points)];
    const { hub } = await startFakeHub({}, store);
    const path = '/api/metrics/query?name=big&from=0&to=200000&maxPoints=0';
    for (const encoding of ['identity', 'gzip']) {
      const response = await fetch(hub.url + path, { headers: { 'accept-encoding': encoding } });
      const { series } = (await response.json()) as { series: { value: unknown[]; time: number[] }[] };
      expect(series[0]?.value).toEqual(points.map(([, value]) => (Number.isNaN(value) ? 'NaN' : value)));
      expect(series[0]?.time.at(-1)).toBe(100_000);
    }
  });

  it('let other requests through while a large series is written', async () => {
    const store = new FakeStore();
    store.numbers = [
      gauge(
        'big',
        Array.from({ length: 300_000 }, (_, i) => [i + 1, i / 3] as const),
      ),
    ];
    const { hub } = await startFakeHub({}, store);
    const order: string[] = [];
    const large = ask(`${hub.url}/api/metrics/query?name=big&from=0&to=2000000&maxPoints=0`).then((reply) => {
      order.push('large');
      return reply;
    });
    await ask(`${hub.url}/healthz`).then(() => order.push('small'));
    const reply = await large;
    expect(order).toEqual(['small', 'large']);
    expect(reply.text.length).toBeGreaterThan(5_000_000);
  });
});

describe('the page', () => {
  const files = {
    'index.html': '<!doctype html><title>p</title>',
    'app.js': `const a = 1;${' '.repeat(3000)}`,
    'notes.md': '# no',
    'app.js.map': '{}',
  };

  it('is served from a table, with a tag and compressed', async () => {
    const { hub } = await startFakeHub({ pageDir: pageFolder(files) });
    const page = await ask(`${hub.url}/?run=r1`);
    expect([page.status, page.text, page.headers['content-type']]).toEqual([
      200,
      files['index.html'],
      'text/html; charset=utf-8',
    ]);
    const script = await ask(`${hub.url}/app.js`, { headers: { 'accept-encoding': 'br, gzip' } });
    expect([script.headers['content-encoding'], script.headers['content-type']]).toEqual([
      'gzip',
      'text/javascript; charset=utf-8',
    ]);
    const again = await ask(`${hub.url}/app.js`, {
      headers: { 'if-none-match': String(script.headers.etag) },
    });
    expect([again.status, again.text]).toEqual([304, '']);
  });

  it('gives no file that is not in the table, however it is written', async () => {
    const folder = pageFolder(files);
    const { hub } = await startFakeHub({ pageDir: join(folder, 'assets') });
    for (const path of [
      '/../index.html',
      '/..%2findex.html',
      '/%2e%2e/index.html',
      '/%2e%2e%2findex.html',
      '/..%5cindex.html',
      '//index.html',
      '/index.html%00',
      '/app.js.map',
      '/__proto__',
    ])
      expect([path, (await ask(hub.url, { path })).status]).toEqual([path, 404]);
    const { hub: other } = await startFakeHub({ pageDir: folder });
    for (const path of ['/notes.md', '/app.js.map', '/constructor'])
      expect((await ask(other.url + path)).status).toBe(404);
  });

  it('says how to build it when it has not been built', async () => {
    const { hub } = await startFakeHub({ pageDir: join(tmpdir(), 'no-such-folder-of-llm-otel') });
    const { status, text } = await ask(hub.url);
    expect([status, text.includes('npm run build')]).toEqual([200, true]);
  });
});

describe('start and stop', () => {
  it('says which port is taken and which option to change, before it touches the store', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    try {
      const taken = await startFakeHub({ port }).catch((error: unknown) => error);
      expect(taken).toBeInstanceOf(ListenError);
      expect(taken).toMatchObject({
        code: 'EADDRINUSE',
        message: expect.stringMatching(new RegExp(`127\\.0\\.0\\.1:${port} is in use.*--port`)),
      });
      const store = new FakeStore();
      const otlp = await startFakeHub({ otlpPort: port }, store).catch((error: unknown) => error);
      expect(otlp).toMatchObject({ message: expect.stringContaining('otlpPort') });
    } finally {
      other.close();
    }
  });

  it('gives a second port for OTLP only', async () => {
    const { hub } = await startFakeHub({ otlpPort: 0 });
    expect(hub.otlpUrl).not.toBe(hub.url);
    const headers = { 'content-type': 'application/json' };
    for (const url of [hub.url, hub.otlpUrl])
      expect((await ask(`${url}/v1/metrics`, { method: 'POST', headers, body: '{}' })).status).toBe(200);
    expect((await ask(`${hub.otlpUrl}/healthz`)).status).toBe(200);
    for (const path of ['/', '/api/runs', '/metrics']) {
      const reply = await ask(hub.otlpUrl + path);
      expect([reply.status, reply.text.includes('OTLP only')]).toEqual([404, true]);
    }
    expect((await ask(`${hub.url}/v1/profiles`, { method: 'POST' })).status).toBe(404);
  });

  it('stops once, ends what is open and closes the store', async () => {
    const { hub, store } = await startFakeHub();
    const live = await fetch(`${hub.url}/api/live`);
    const reader = live.body?.getReader();
    await reader?.read();
    await Promise.all([hub.stop(), hub.stop()]);
    expect(store.closed).toBe(true);
    for (;;) {
      const { done } = (await reader?.read()) ?? { done: true };
      if (done) break;
    }
    await expect(fetch(`${hub.url}/healthz`)).rejects.toThrow('fetch failed');
  });
});
