import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { summary } from '../../src/cli/import.ts';
import { filesOf, importFiles } from '../../src/cli/import-files.ts';
import { ImportSender } from '../../src/cli/import-sender.ts';
import { openStore } from '../../src/hub/store/index.ts';
import { type OtlpRequest, toJson } from '../../src/otlp/index.ts';
import { numbersOf, requestOf } from '../real/isolation/ledger.ts';
import { type Receiving, startReceiving } from '../hub/receiver/receiving.ts';

let folder: string;
let receiving: Receiving;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'llm-otel-import-'));
  receiving = await startReceiving();
});
afterEach(async () => {
  await receiving.close();
  rmSync(folder, { recursive: true });
});

const spans = (first: number, count = 2) => JSON.stringify(toJson(requestOf('traces', first, count)));
const points = (first: number, count = 2) => JSON.stringify(toJson(requestOf('metrics', first, count)));
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const received = (): number[] => receiving.store.appended.flatMap(({ request }) => numbersOf(request));

async function run(paths: string[], url = receiving.url, patience = 3) {
  const sender = new ImportSender({
    endpoint: url,
    env: {},
    patience,
    backOff: { firstMs: 1, maxMs: 1, random: () => 0 },
    warn: () => {},
  });
  try {
    return summary(
      sender.url,
      await importFiles(filesOf(paths), { send: (requests) => sender.send(requests) }),
    );
  } finally {
    sender.close();
  }
}

describe('llm-otel import', () => {
  it('sends every request of a folder in the order of its rotation, packed files too', async () => {
    file('traces-2026-11-24T21-15-31.877-size.jsonl.gz', gzipSync(`${spans(0)}\n`));
    file('traces-2026-11-24T22-15-31.877-size.jsonl.zst', zstdCompressSync(`${spans(2)}\n${spans(4)}\n`));
    file('traces.jsonl', `${spans(6)}\n`);
    file('notes.txt', 'not read');
    const report = await run([folder]);
    expect(report).toMatchObject({ sent: 8, refused: 0, unreadable: 0, complete: true });
    expect(received()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('passes requests on as they were written: what our own model does not keep arrives', async () => {
    const line =
      '{"resourceMetrics":[{"schemaUrl":"https://x","scopeMetrics":[{"metrics":[{"name":"a","sum":{"dataPoints":[{"timeUnixNano":"1","asInt":"9007199254740993","exemplars":[{"timeUnixNano":"1","asDouble":2}]}]}}]}]}]}';
    await run([file('metrics.jsonl', `${line}\n`)]);
    expect(Buffer.from(receiving.store.appended[0]?.body.bytes ?? []).toString()).toBe(line);
  });

  it('joins small requests, and keeps their order where signals change', async () => {
    const lines = [spans(0), spans(2), points(0), points(2), spans(4)];
    const report = await run([file('all.jsonl', lines.join('\n'))]);
    expect(receiving.store.appended.map(({ request }) => [request.signal, numbersOf(request)])).toEqual([
      ['traces', [0, 1, 2, 3]],
      ['metrics', [0, 1, 2, 3]],
      ['traces', [4, 5]],
    ]);
    expect(report.sent).toBe(10);
  });

  it('gets out of torn lines what is whole, and finds no fault in a torn end', async () => {
    const joined = `${spans(0).slice(0, 300)}${spans(2)}`;
    const report = await run([file('traces.jsonl', `${joined}\n${spans(4)}\n${spans(6).slice(0, 77)}`)]);
    expect(received()).toEqual([2, 3, 4, 5]);
    expect(report).toMatchObject({ sent: 4, torn: 2, unreadable: 0, complete: true });
    expect(report.files[0]?.problems.map(({ line, kind }) => [line, kind])).toEqual([
      [1, 'torn'],
      [3, 'torn'],
    ]);
  });

  it('names what is no OTLP, and sends the rest', async () => {
    const report = await run([
      file('traces.jsonl', `${spans(0)}\nnot json\n{"resourceSpans":}\n\n[1]\n${spans(2)}\n`),
    ]);
    expect(received()).toEqual([0, 1, 2, 3]);
    expect(report).toMatchObject({ sent: 4, unreadable: 3, complete: false });
    expect(report.files[0]?.problems.map(({ line }) => line)).toEqual([2, 3, 5]);
  });

  it('lets a request that is refused cost no other', async () => {
    const bad = '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz"}]}]}]}';
    const report = await run([file('traces.jsonl', `${spans(0)}\n${bad}\n${spans(2)}\n`)]);
    expect(received()).toEqual([0, 1, 2, 3]);
    expect(report).toMatchObject({ sent: 4, refused: 1, complete: false });
    expect(report.files[0]?.problems[0]).toMatchObject({ kind: 'refused' });
    expect(report.files[0]?.problems[0]?.message).toContain('400');
  });

  it('counts what a receiver rejects within a success', async () => {
    receiving.store.behaviour = async () => ({ rejected: 1, message: 'series limit' });
    const report = await run([file('metrics.jsonl', `${points(0)}\n`)]);
    expect(report).toMatchObject({ sent: 1, refused: 1, complete: false });
    expect(report.files[0]?.problems[0]?.message).toContain('series limit');
  });

  it.each(['traces', 'metrics', 'logs'] as const)('sends %s that are too large in parts', async (signal) => {
    const small = await startReceiving({ limits: { bytes: 6000, compressedBytes: 6000 } });
    const line = JSON.stringify(toJson(requestOf(signal, 0, 50)));
    expect(line.length).toBeGreaterThan(6000);
    const report = await run([file('x.jsonl', `${line}\n`)], small.url);
    expect(report).toMatchObject({ sent: 50, refused: 0, complete: true });
    expect(small.store.appended.flatMap(({ request }) => numbersOf(request))).toEqual(
      Array.from({ length: 50 }, (_, i) => i),
    );
    await small.close();
  });

  it('sends again after a 503, and goes on', async () => {
    const busy = await startReceiving({ limits: { retryAfterSeconds: 0 } });
    let calls = 0;
    const take = busy.store.behaviour;
    busy.store.behaviour = (request: OtlpRequest) => {
      if (calls++ < 2) throw Object.assign(new Error('full'), { retryable: true });
      return take(request);
    };
    const report = await run([file('traces.jsonl', `${spans(0)}\n`)], busy.url);
    await busy.close();
    expect(calls).toBe(3);
    expect(report).toMatchObject({ sent: 2, complete: true });
  });

  it('says where it stopped when the receiver is gone, and what was not begun', async () => {
    const url = receiving.url;
    const first = file('a.jsonl', `${spans(0)}\n${points(0)}\n${spans(2)}\n`);
    const second = file('b.jsonl', `${spans(4)}\n`);
    receiving.store.behaviour = async (request) => {
      if (request.signal === 'metrics') throw Object.assign(new Error('full'), { retryable: true });
      return { rejected: 0, message: '' };
    };
    const report = await run([first, second], url, 1);
    expect(report).toMatchObject({ sent: 2, complete: false });
    expect(report.files).toMatchObject([
      { state: 'stopped', stoppedAt: 2, sent: 2 },
      { state: 'waiting', sent: 0 },
    ]);
  });

  it('gives up on a receiver that nobody can reach', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const report = await run([file('a.jsonl', `${spans(0)}\n`)], `http://127.0.0.1:${port}`);
    expect(report.files[0]?.message).toContain('ECONNREFUSED');
    expect(report.complete).toBe(false);
  });

  it('gives up a packed file that is cut, with what was whole of it sent', async () => {
    const packed = gzipSync(`${spans(0)}\n`);
    const report = await run([file('a.jsonl.gz', packed.subarray(0, packed.length - 9))]);
    expect(report.files[0]).toMatchObject({ state: 'failed' });
    expect(report.complete).toBe(false);
  });

  it('changes nothing in the hub when it is run twice', async () => {
    const store = await openStore({ dataDir: join(folder, 'hub') });
    const hub = await startReceiving({ store });
    const lines = (['traces', 'metrics', 'logs'] as const).map((signal) =>
      JSON.stringify(toJson(requestOf(signal, 0, 10))),
    );
    const path = file('all.jsonl', `${lines.join('\n')}\n`);
    await run([path], hub.url);
    const { appended } = store.stats();
    await run([path], hub.url);
    expect(store.stats().appended).toEqual({ ...appended, requests: appended.requests * 2 });
    expect(store.stats().duplicates).toMatchObject({ points: 10, spans: 10, runRecords: 10 });
    await hub.close();
    await store.close();
  });
});

describe('the command', () => {
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
  const command = async (...args: string[]) => {
    const child = spawn(process.execPath, [main, 'import', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (piece: Buffer) => (text += piece.toString()));
    child.stderr.on('data', (piece: Buffer) => (text += piece.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, text };
  };

  it('ends with 0, 1 or 2', async () => {
    mkdirSync(join(folder, 'empty'));
    const good = file('good.jsonl', `${spans(0)}\n`);
    const bad = file('bad.jsonl', `${spans(2)}\nrubbish\n`);
    const done = await command(good, '--endpoint', receiving.url);
    expect(done).toMatchObject({ code: 0 });
    expect(done.text).toContain('2 spans, points and records accepted');
    const failed = await command(good, bad, '--endpoint', receiving.url, '--json');
    expect(failed.code).toBe(1);
    expect(JSON.parse(failed.text)).toMatchObject({ sent: 4, unreadable: 1, complete: false });
    expect((await command(join(folder, 'none.jsonl'))).code).toBe(2);
    expect((await command(join(folder, 'empty'))).code).toBe(2);
    const looked = receiving.store.appended.length;
    expect(await command(good, '--dry-run')).toMatchObject({ code: 0 });
    expect(receiving.store.appended).toHaveLength(looked);
  });
});
