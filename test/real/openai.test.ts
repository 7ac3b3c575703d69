import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Program, startProgram } from '../../examples/start/program.ts';
// @ts-expect-error plain JavaScript without declarations
import { pythonEnvironment } from '../../scripts/real-install.mjs';

/**
 * An unmodified OpenAI client against the example server: the same bytes with and without `register`. The server gives
 * the same answers to the same requests in the same order, so that any difference is ours.
 */
const example = (path: string) => fileURLToPath(new URL(`../../examples/${path}`, import.meta.url));
const python = join(pythonEnvironment() as string, 'bin', 'python');
const pythonIsThere = existsSync(python);
if (!pythonIsThere)
  console.log('skipped: OpenAI client of PyPI: no Python environment (npm run real:install)');

let folder: string;
let model: string;

async function withServer<T>(register: boolean, use: (url: string) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  // Nothing listens there: the telemetry goes nowhere, and must not be noticed.
  const env = {
    ...process.env,
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    LLM_OTEL_SHUTDOWN_TIMEOUT: '100ms',
  };
  const args = [
    ...(register ? ['--import', 'llm-otel/register'] : []),
    example('serve-char-lm/server.ts'),
    '--model',
    model,
    '--port',
    '0',
  ];
  const server: Program = startProgram(register ? 'with' : 'without', args, { env, signal: stop.signal });
  try {
    return await use((await server.line(/at (http:\S+)/))[1] as string);
  } finally {
    stop.abort();
    await server.ended;
  }
}

/** What came over the wire for each request of the npm client: status, headers but the date, hash of the body's bytes. */
async function npmReplies(url: string) {
  const replies: { status: number; headers: [string, string][]; body: Promise<string> }[] = [];
  const client = new OpenAI({
    baseURL: url,
    apiKey: 'none',
    maxRetries: 0,
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      const [kept, given] = response.body?.tee() ?? [null, null];
      const body = new Response(kept)
        .arrayBuffer()
        .then((bytes) => createHash('sha256').update(Buffer.from(bytes)).digest('hex'));
      replies.push({
        status: response.status,
        headers: [...response.headers].filter(([name]) => name !== 'date'),
        body,
      });
      return new Response(given, { status: response.status, headers: response.headers });
    },
  });
  const ask = {
    model: 'char-lm',
    messages: [{ role: 'user' as const, content: 'Call me Ishmael.' }],
    max_tokens: 24,
    seed: 7,
  };
  const texts: string[] = [];
  texts.push((await client.chat.completions.create(ask)).choices[0]?.message.content ?? '');
  let streamed = '';
  for await (const event of await client.chat.completions.create({
    ...ask,
    stream: true,
    stream_options: { include_usage: true },
  })) {
    streamed += event.choices[0]?.delta.content ?? '';
  }
  texts.push(streamed);
  await client.chat.completions
    .create({ ...ask, model: 'none' })
    .catch((error: { status?: number }) => texts.push(String(error.status)));
  return {
    texts,
    replies: await Promise.all(replies.map(async (reply) => ({ ...reply, body: await reply.body }))),
  };
}

async function pythonReplies(url: string) {
  const { stdout } = await promisify(execFile)(python, [
    fileURLToPath(new URL('openai-client.py', import.meta.url)),
    url,
  ]);
  return JSON.parse(stdout) as { texts: string[]; replies: [number, [string, string][], string][] };
}

describe('the example server behind an unmodified OpenAI client', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llm-otel-openai-'));
    model = join(folder, 'model.json');
    const env = {
      ...process.env,
      OTEL_SDK_DISABLED: 'true',
      LLM_OTEL_JOURNAL_DIR: join(folder, 'journal'),
      LLM_OTEL_SHUTDOWN_TIMEOUT: '100ms',
    };
    const training = startProgram(
      'train',
      [example('train-char-lm/train.ts'), '--steps', '5', '--out', model],
      { env, signal: new AbortController().signal },
    );
    expect(await training.ended).toBe(0);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('gives the client of npm the same bytes with register as without', async () => {
    const without = await withServer(false, npmReplies);
    const withRegister = await withServer(true, npmReplies);
    expect(without.texts[0]).toHaveLength(24);
    expect(without.texts[1]).toHaveLength(24);
    expect(without.texts[2]).toBe('404');
    expect(withRegister).toEqual(without);
  });

  it.skipIf(!pythonIsThere)('gives the client of PyPI the same bytes with register as without', async () => {
    const without = await withServer(false, pythonReplies);
    const withRegister = await withServer(true, pythonReplies);
    expect(without.texts.map((text) => text.length)).toEqual([24, 24, 3]);
    expect(without.replies.every(([, , hash]) => typeof hash === 'string')).toBe(true);
    expect(withRegister).toEqual(without);
  });
});
