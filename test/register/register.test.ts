import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OtlpSink } from '../telemetry/otlp-sink.ts';

const REGISTER = new URL('../../src/register.ts', import.meta.url);
const IMPORT = ['--import', REGISTER.href];
const REQUIRE = ['--require', fileURLToPath(REGISTER)];

let sink: OtlpSink;
beforeEach(async () => {
  sink = await OtlpSink.start();
});
afterEach(() => sink.close());

/** Runs a program to its end, as a user would, with nothing else in its environment. */
async function run(node: string[], program: string, env: Record<string, string> = {}, args: string[] = []) {
  const file = fileURLToPath(new URL(`programs/${program}`, import.meta.url));
  const child = spawn(process.execPath, [...node, file, ...args], {
    env: {
      PATH: process.env['PATH'] ?? '',
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      LLM_OTEL_OBSERVERS: 'none',
      ...env,
    },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}
/** OTLP numbers the kinds from 1: internal, server, client. */
const names = () =>
  sink
    .spans()
    .map((span) => `${span.kind} ${span.name}`)
    .sort();
const ALL = ['1 chat m', '2 GET', '2 POST /v1/chat/completions', '3 GET', '3 POST'];

describe('a program under register', () => {
  it('runs as without it, and its servers, clients and generations are recorded', async () => {
    const without = await run([], 'server.mjs');
    const observed = await run(IMPORT, 'server.mjs');
    expect(observed).toEqual(without);
    expect(without.code).toBe(5);
    expect(names()).toEqual(ALL);
    const metrics = sink.metrics().map((metric) => metric.name);
    expect(metrics).toContain('http.server.request.duration');
    expect(metrics).toContain('gen_ai.server.time_to_first_token');
    // The trace goes through: client, server, generation.
    expect(new Set(sink.spans().map((span) => span.traceId)).size).toBe(2);
  });
  it('may be CommonJS, and register may be required', async () => {
    for (const node of [IMPORT, REQUIRE]) {
      sink.requests.length = 0;
      expect(await run(node, 'server.cjs')).toEqual({ code: 0, stdout: '', stderr: '' });
      expect(names()).toEqual(['2 GET', '3 GET']);
    }
  });
  it('is recorded once when register is named twice', async () => {
    await run([...REQUIRE, ...IMPORT], 'server.mjs');
    expect(names()).toEqual(ALL);
  });
  it('may have its server in a worker thread', async () => {
    const { code, stdout } = await run(IMPORT, 'server.cjs', {}, ['worker']);
    expect([code, stdout]).toEqual([0, 'worker done\n']);
    expect(names()).toEqual(['2 GET', '3 GET']);
  });
  it('may leave the servers to instrumentation-http, or to nobody', async () => {
    await run(IMPORT, 'server.mjs', { LLM_OTEL_HTTP_SERVER: 'instrumentation-http' });
    expect(names()).toEqual(['1 chat m', '2 GET', '2 POST', '3 GET', '3 POST']);
    sink.requests.length = 0;
    await run(IMPORT, 'server.mjs', { LLM_OTEL_HTTP_SERVER: 'none' });
    expect(names()).toEqual(['3 GET', '3 POST']);
  });
  it('has the machine and its own process observed, when asked', async () => {
    await run(IMPORT, 'server.mjs', {
      LLM_OTEL_OBSERVERS: 'host,runtime',
      OTEL_METRIC_EXPORT_INTERVAL: '200',
    });
    const metrics = sink.metrics().map((metric) => metric.name);
    expect(metrics.some((name) => name.startsWith('process.') || name.startsWith('nodejs.'))).toBe(true);
  });
});

describe('register', () => {
  it('does nothing when the SDK is disabled', async () => {
    const observed = await run(IMPORT, 'server.mjs', { OTEL_SDK_DISABLED: 'true' });
    expect(observed).toEqual(await run([], 'server.mjs'));
    expect(sink.requests).toEqual([]);
  });
  it.each([
    [
      'LLM_OTEL_HTTP_SERVER',
      'apache',
      /^llm-otel: the HTTP instrumentation .*LLM_OTEL_HTTP_SERVER.*"apache".*\n$/,
    ],
    ['LLM_OTEL_OBSERVERS', 'hots', /^llm-otel: the observers .*LLM_OTEL_OBSERVERS.*"hots".*\n$/],
  ])('says in one line what is wrong with %s, and the program goes on', async (name, value, message) => {
    const { code, stdout, stderr } = await run(IMPORT, 'server.mjs', { [name]: value });
    expect([code, stdout.includes('status 200')]).toEqual([5, true]);
    expect(stderr).toMatch(message);
  });
  it('lets the program end with its own code when nobody receives', async () => {
    const endpoint = sink.url;
    await sink.close();
    const { code, stdout } = await run(IMPORT, 'server.mjs', {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      LLM_OTEL_SHUTDOWN_TIMEOUT: '300ms',
    });
    expect([code, stdout.includes('status 200')]).toEqual([5, true]);
  });
});
