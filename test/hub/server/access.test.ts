import { describe, expect, it } from 'vitest';
import { HubOptionsError, protection } from '../../../src/hub/server/options.ts';
import { createSignIn } from '../../../src/hub/server/sign-in.ts';
import { ask, startFakeHub } from '../running-hub.ts';

const TOKEN = 'a-token-of-this-test-0123456789';
const error = (text: string) => (JSON.parse(text) as { error: { code: string; message: string } }).error;

describe('Host and Origin', () => {
  const paths = ['/', '/api/runs', '/healthz', '/v1/traces'];

  it('of somebody else get no answer, on page, API and OTLP alike', async () => {
    const { hub } = await startFakeHub({ otlpPort: 0 });
    for (const url of [...paths.map((path) => hub.url + path), `${hub.otlpUrl}/v1/metrics`]) {
      const method = url.includes('/v1/') ? 'POST' : 'GET';
      const foreign = await ask(url, { method, headers: { host: 'evil.example:4319' } });
      expect([url, foreign.status, error(foreign.text).code]).toEqual([url, 403, 'foreign_host']);
      const { port } = new URL(url);
      const page = await ask(url, {
        method,
        headers: { host: `127.0.0.1:${port}`, origin: 'http://evil.example' },
      });
      expect([url, page.status, error(page.text).code]).toEqual([url, 403, 'foreign_origin']);
      const neighbour = await ask(url, {
        method,
        headers: { host: `localhost:${port}`, origin: 'http://localhost:1' },
      });
      expect([url, neighbour.status]).toEqual([url, 403]);
    }
  });

  it('of this machine are taken, with any port and in any case', async () => {
    const { hub } = await startFakeHub({ allowedHosts: ['hub.example.com'] });
    for (const host of [
      'localhost',
      'LOCALHOST:1234',
      '127.0.0.1:9',
      '[::1]:4319',
      '[::1]',
      'Hub.Example.com',
    ])
      expect([host, (await ask(`${hub.url}/healthz`, { headers: { host } })).status]).toEqual([host, 200]);
    const { host } = new URL(hub.url);
    const own = await ask(`${hub.url}/healthz`, { headers: { host, origin: hub.url } });
    expect(own.status).toBe(200);
    const proxied = { host: 'hub.example.com', origin: 'https://hub.example.com' };
    expect((await ask(`${hub.url}/healthz`, { headers: proxied })).status).toBe(200);
  });

  it('must be one Host, and a path', async () => {
    const { hub } = await startFakeHub();
    const missing = await ask(`${hub.url}/healthz`, { headers: ['x-nothing', '1'] });
    expect([missing.status, error(missing.text).code]).toEqual([400, 'bad_host']);
    const twice = await ask(`${hub.url}/healthz`, { headers: ['Host', 'localhost', 'Host', 'localhost'] });
    expect([twice.status, error(twice.text).code]).toEqual([400, 'bad_host']);
    for (const host of ['localhost:x', 'localhost:1:2', 'a@localhost', '[::1', ''])
      expect([host, (await ask(`${hub.url}/healthz`, { headers: ['Host', host] })).status]).not.toEqual([
        host,
        200,
      ]);
    const absolute = await ask(hub.url, { path: 'http://localhost/healthz', headers: { host: 'localhost' } });
    expect([absolute.status, error(absolute.text).code]).toEqual([400, 'bad_target']);
  });

  it('of a page elsewhere are refused also without an Origin: images, scripts; links are followed', async () => {
    const { hub } = await startFakeHub();
    const status = async (site: string, mode: string, path = '/api/live') =>
      (
        await ask(hub.url + path, {
          method: 'HEAD',
          headers: { 'sec-fetch-site': site, 'sec-fetch-mode': mode },
        })
      ).status;
    expect(await status('cross-site', 'no-cors')).toBe(403);
    expect(await status('same-site', 'no-cors')).toBe(403);
    expect(await status('cross-site', 'cors', '/app.js')).toBe(403);
    expect(await status('cross-site', 'navigate', '/')).toBe(200);
    expect(await status('same-origin', 'cors')).toBe(200);
    expect(await status('none', 'navigate', '/')).toBe(200);
  });

  it('null as origin (a sandboxed page, a file) is foreign', async () => {
    const { hub } = await startFakeHub();
    expect((await ask(`${hub.url}/api/runs`, { headers: { origin: 'null' } })).status).toBe(403);
  });
});

describe('sign-in', () => {
  it('is asked for on page and API when there is a token, and not for liveness', async () => {
    const { hub } = await startFakeHub({ token: TOKEN });
    const page = await ask(`${hub.url}/`);
    expect([page.status, page.text.includes('sign-in')]).toEqual([401, true]);
    for (const path of ['/api/runs', '/metrics', '/api/live', '/api/openapi.json']) {
      const reply = await ask(hub.url + path);
      expect([path, reply.status, reply.headers['www-authenticate']]).toEqual([
        path,
        401,
        expect.stringContaining('Bearer'),
      ]);
      expect(reply.text).not.toContain(TOKEN);
    }
    expect((await ask(`${hub.url}/healthz`)).status).toBe(200);
  });

  it('takes the token as bearer', async () => {
    const { hub } = await startFakeHub({ token: TOKEN });
    const as = (authorization: string) => ask(`${hub.url}/api/runs`, { headers: { authorization } });
    expect((await as(`Bearer ${TOKEN}`)).status).toBe(200);
    expect((await as(`bearer ${TOKEN}`)).status).toBe(200);
    for (const wrong of [`Bearer ${TOKEN}x`, `Basic ${TOKEN}`, 'Bearer', `Bearer ${TOKEN.slice(1)}`])
      expect([wrong, (await as(wrong)).status]).toEqual([wrong, 401]);
  });

  it('by the address of the page works once, and leads to an address without the secret', async () => {
    const { hub } = await startFakeHub({ auth: 'token' });
    const { searchParams } = new URL(hub.pageUrl);
    expect(searchParams.get('token')).toMatch(/^[\w-]{43}$/);
    expect(searchParams.get('token')).not.toBe(hub.token);
    expect((await ask(hub.pageUrl, { method: 'HEAD' })).status).toBe(401);
    const first = await ask(`${hub.pageUrl}&run=r1`);
    expect([first.status, first.headers.location]).toEqual([303, '/?run=r1']);
    const cookie = first.headers['set-cookie']?.[0] ?? '';
    expect(cookie).toMatch(/; HttpOnly; SameSite=Strict; Path=\/$/);
    const session = cookie.split(';')[0] as string;
    expect((await ask(`${hub.url}/api/runs`, { headers: { cookie: `other=1; ${session}` } })).status).toBe(
      200,
    );
    expect((await ask(`${hub.url}/`, { headers: { cookie: session } })).status).toBe(200);
    expect((await ask(`${hub.url}/api/runs`, { headers: { cookie: `${session}x` } })).status).toBe(401);
    expect((await ask(hub.pageUrl)).status).toBe(401);
    // Who is signed in and opens the printed address again gets the page.
    expect((await ask(hub.pageUrl, { headers: { cookie: session } })).status).toBe(303);
  });

  it('is not needed on loopback by default', async () => {
    const { hub } = await startFakeHub();
    expect(hub.token).toBeUndefined();
    expect(hub.pageUrl).toBe(`${hub.url}/`);
    expect((await ask(`${hub.url}/api/runs`)).status).toBe(200);
    expect((await ask(`${hub.url}/?token=anything`)).headers.location).toBe('/');
  });

  it('takes a code once, and within an hour', () => {
    let time = 0;
    const signIn = createSignIn(TOKEN, 'c', () => time);
    const [first, second] = [signIn.code(), signIn.code()];
    time = 3_600_000;
    expect(signIn.exchange(first)).toContain('HttpOnly');
    expect(signIn.exchange(first)).toBeUndefined();
    time += 1;
    expect(signIn.exchange(second)).toBeUndefined();
    expect(signIn.exchange(TOKEN)).toContain('HttpOnly');
  });

  it('keeps no more than a bounded number of sessions', () => {
    const signIn = createSignIn(TOKEN, 'c');
    const first = signIn.exchange(TOKEN)?.split(';')[0] as string;
    for (let i = 0; i < 256; i++) signIn.exchange(TOKEN);
    expect(signIn.known({ cookie: first })).toBe(false);
  });
});

describe('a hub that others can reach', () => {
  const none = {};
  it('does not start without a token, and says what to do', () => {
    expect(() => protection({ host: '0.0.0.0' }, none)).toThrow(HubOptionsError);
    expect(() => protection({ host: '0.0.0.0' }, none)).toThrow(
      /LLM_OTEL_HUB_TOKEN.*127\.0\.0\.1.*allowInsecure/,
    );
    expect(() => protection({ host: '10.0.0.1', auth: 'none', token: TOKEN }, none)).toThrow(/allowInsecure/);
  });

  it('asks for the token on OTLP too; one on loopback does not', () => {
    expect(protection({ host: '0.0.0.0', token: TOKEN }, none)).toEqual({
      pageToken: TOKEN,
      otlpToken: TOKEN,
    });
    expect(protection({ token: TOKEN }, none)).toEqual({ pageToken: TOKEN, otlpToken: undefined });
    expect(protection({}, { LLM_OTEL_HUB_TOKEN: TOKEN }).pageToken).toBe(TOKEN);
    expect(protection({}, { LLM_OTEL_HUB_TOKEN: '' }).pageToken).toBeUndefined();
    expect(protection({ host: '0.0.0.0', allowInsecure: true }, none)).toEqual({});
    expect(protection({ host: '::1' }, none)).toEqual({});
    expect(protection({ host: '127.0.0.53' }, none)).toEqual({});
  });

  it('takes no token that can be guessed, and never repeats it in the message', () => {
    expect(() => protection({ token: 'short' }, none)).toThrow(/5 characters/);
    expect(() => protection({ token: 'with a space in the middle' }, none)).toThrow(/may hold/);
    expect(() => protection({ token: 'with a space in the middle' }, none)).not.toThrow(/with a space in/);
  });

  it('serves on all addresses: by any address and listed names, OTLP only with the token', async () => {
    const { hub, logged } = await startFakeHub({ host: '0.0.0.0', token: TOKEN, otlpPort: 0 });
    const { port } = new URL(hub.url);
    const url = `http://127.0.0.1:${port}`;
    expect((await ask(`${url}/healthz`, { headers: { host: '192.0.2.7:4319' } })).status).toBe(200);
    expect((await ask(`${url}/healthz`, { headers: { host: 'rebound.example' } })).status).toBe(403);
    const headers = { 'content-type': 'application/json' };
    for (const base of [url, hub.otlpUrl]) {
      const send = (more: Record<string, string>) =>
        ask(`${base}/v1/logs`, { method: 'POST', headers: { ...headers, ...more }, body: '{}' });
      expect((await send({})).status).toBe(401);
      expect((await send({ authorization: `Bearer ${TOKEN}` })).status).toBe(200);
    }
    expect(logged.join()).not.toContain(TOKEN);
  });
});
