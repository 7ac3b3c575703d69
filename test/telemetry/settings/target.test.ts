import { describe, expect, it } from 'vitest';
import { type Environment, EnvironmentReader } from '../../../src/telemetry/settings/environment-reader.ts';
import { baseUrl, resolveTarget, type TargetOptions } from '../../../src/telemetry/settings/target.ts';
import type { Signal } from '../../../src/telemetry/index.ts';

function resolve(env: Environment, options: TargetOptions = {}, signal: Signal = 'logs') {
  const warnings: string[] = [];
  const target = resolveTarget(signal, new EnvironmentReader(env, (w) => warnings.push(w)), options);
  return { target, warnings };
}

describe('the target of a signal', () => {
  it.each<[string, Environment, TargetOptions, string]>([
    ['the default', {}, {}, 'http://127.0.0.1:4318/v1/logs'],
    ['the shared variable', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1' }, {}, 'http://c:1/v1/logs'],
    ['… with a path', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1/otlp/' }, {}, 'http://c:1/otlp/v1/logs'],
    [
      'the variable of the signal, as it stands',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1', OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://l:2/in' },
      {},
      'http://l:2/in',
    ],
    [
      'the option, over variables',
      { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://l:2/in' },
      { endpoint: 'http://o:3' },
      'http://o:3/v1/logs',
    ],
    [
      'the default for a blank variable',
      { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' },
      {},
      'http://127.0.0.1:4318/v1/logs',
    ],
  ])('is %s', (_what, env, options, url) => {
    const { target, warnings } = resolve(env, options);
    expect(target.url).toBe(url);
    expect(warnings).toEqual([]);
  });

  it('falls back with a warning that names the variable when it is no URL, and does not show it', () => {
    for (const value of ['collector:4318', 'not a url', 'ftp://u:secret@h']) {
      const { target, warnings } = resolve({ OTEL_EXPORTER_OTLP_ENDPOINT: value });
      expect(target.url).toBe('http://127.0.0.1:4318/v1/logs');
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain('OTEL_EXPORTER_OTLP_ENDPOINT');
      expect(warnings[0]).not.toContain('secret');
      expect(warnings[0]).toContain('http://127.0.0.1:4318 is used');
    }
  });

  it('says what an address without its scheme was meant to be, without its password', () => {
    const warning = (value: string) => resolve({ OTEL_EXPORTER_OTLP_ENDPOINT: value }).warnings[0];
    expect(warning('127.0.0.1:4318/otlp')).toContain('did you mean http://127.0.0.1:4318?');
    expect(warning('me:secret@collector:4318')).toContain('did you mean http://collector:4318?');
    expect(warning('me:secret@collector:4318')).not.toContain('secret');
    expect(warning('ftp://me:secret@collector')).not.toMatch(/did you mean|secret/);
  });

  it('moves credentials of the URL into a header, so that no message shows them', () => {
    const { target } = resolve({}, { endpoint: 'https://me:p%40ss@h.example/base' });
    expect(target.url).toBe('https://h.example/base/v1/logs');
    expect(baseUrl(target)).toBe('https://h.example/base');
    expect(target.headers.authorization).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`);
  });

  it('joins headers: shared, then the signal, then the option', () => {
    const { target, warnings } = resolve(
      {
        OTEL_EXPORTER_OTLP_HEADERS: 'A=1,B=2, c = a%20b ',
        OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'b=3',
      },
      { headers: { A: 'o' } },
    );
    expect(target.headers).toEqual({ a: 'o', b: '3', c: 'a b' });
    expect(warnings).toEqual([]);
  });

  it('leaves out a header that is none, and does not show its value', () => {
    const { target, warnings } = resolve({ OTEL_EXPORTER_OTLP_HEADERS: 'secret-value,ok=1,bad=%0Ainject' });
    expect(target.headers).toEqual({ ok: '1' });
    expect(warnings).toEqual([expect.stringContaining('holds 2 entries that are not key=value')]);
    expect(warnings.join()).not.toMatch(/secret-value|inject/);
  });

  it('does not send the key of one receiver to another that code names', () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://vendor', OTEL_EXPORTER_OTLP_HEADERS: 'api-key=s' };
    expect(resolve(env, { endpoint: 'http://other:1' }).target.headers).toEqual({});
    expect(resolve(env, { endpoint: 'https://vendor/x' }).target.headers).toEqual({ 'api-key': 's' });
  });

  it.each([
    ['http://127.0.0.1:4318', undefined, 'none'],
    ['http://localhost:4318', undefined, 'none'],
    ['http://[::1]:4318', undefined, 'none'],
    ['http://collector:4318', undefined, 'gzip'],
    ['http://127.0.0.1:4318', 'gzip', 'gzip'],
    ['http://collector:4318', 'none', 'none'],
  ])('compresses to %s with OTEL_EXPORTER_OTLP_COMPRESSION=%s by %s', (endpoint, asked, compression) => {
    const { target } = resolve({ OTEL_EXPORTER_OTLP_COMPRESSION: asked }, { endpoint });
    expect(target.compression).toBe(compression);
  });

  it.each([
    [{}, 'http/protobuf', 0],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }, 'http/json', 0],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'http/protobuf', 1],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'carrier-pigeon' }, 'http/protobuf', 1],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/json' }, 'http/json', 0],
  ])('speaks the protocol of %j', (env, protocol, warned) => {
    const { target, warnings } = resolve(env);
    expect(target.protocol).toBe(protocol);
    expect(warnings).toHaveLength(warned);
  });

  it('points out the gRPC port', () => {
    expect(resolve({}, { endpoint: 'http://c:4317' }).warnings[0]).toContain('4318');
  });

  it('takes the timeout of the signal before the shared one, and 10 s for one that is none', () => {
    expect(
      resolve({ OTEL_EXPORTER_OTLP_TIMEOUT: '1000', OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: '2s' }).target.timeoutMs,
    ).toBe(2000);
    const { target, warnings } = resolve({ OTEL_EXPORTER_OTLP_TIMEOUT: 'soon' });
    expect(target.timeoutMs).toBe(10_000);
    expect(warnings).toEqual([
      'OTEL_EXPORTER_OTLP_TIMEOUT="soon" is not a number of milliseconds above 0; 10000 ms is used',
    ]);
  });

  it('warns of a certificate that cannot be read, and goes on', () => {
    const { target, warnings } = resolve(
      { OTEL_EXPORTER_OTLP_CERTIFICATE: '/nowhere/ca.pem' },
      { endpoint: 'https://h' },
    );
    expect(target.tls).toEqual({});
    expect(warnings[0]).toContain('OTEL_EXPORTER_OTLP_CERTIFICATE');
    expect(warnings[0]).toContain('ENOENT');
  });
});
