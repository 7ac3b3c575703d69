import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeRequest } from '../../../src/otlp/index.ts';
import { createEventExporter, InstrumentRegistry } from '../../../src/telemetry/index.ts';
import { type Run, startRun, syncJournals } from '../../../src/training/index.ts';
import { OtlpSink, type ReceivedRequest } from '../../telemetry/otlp-sink.ts';
import { noBackOff } from '../receiver.ts';
import { temporaryFolder } from '../temporary.ts';

let sink: OtlpSink;
beforeEach(async () => {
  sink = await OtlpSink.start();
});
afterEach(() => sink.close());

const recordsOf = (request: ReceivedRequest) =>
  decodeRequest('logs', 'application/x-protobuf', request.body).resourceLogs.flatMap(
    ({ resource, scopeLogs }) =>
      scopeLogs.flatMap(({ logRecords }) =>
        logRecords.map((record) => ({ ...record, resource, seq: Number(record.attributes['llm.run.seq']) })),
      ),
  );
/** Answers by the records of a request; keeps the `seq` of those that were accepted. */
function answerBy(
  status: (seqs: number[], request: number) => { code: number; headers?: Record<string, string> },
): number[] {
  const accepted: number[] = [];
  let count = 0;
  sink.answerWith((response, request) => {
    const seqs = recordsOf(request).map(({ seq }) => seq);
    const { code, headers } = status(seqs, count++);
    if (code === 200) accepted.push(...seqs);
    response.writeHead(code, headers).end();
  });
  return accepted;
}
const start = (journalDir: string, timeoutMs = 5000): Promise<Run> =>
  startRun({
    project: 'http',
    journalDir,
    exporter: createEventExporter({ endpoint: sink.url, timeoutMs, env: {}, background: true }),
    backOff: noBackOff,
    instruments: new InstrumentRegistry(),
    env: { OTEL_SDK_DISABLED: 'true' },
  });

describe('delivery over OTLP/HTTP', () => {
  it('carries every value exactly, NaN and infinities included', async () => {
    const run = await start(temporaryFolder());
    run.step(
      { 'train/loss': Number.NaN, a: Infinity, b: -Infinity, c: 0.1 + 0.2, d: 5e-324, e: 2 },
      { epoch: 1.5 },
    );
    await run.finish();
    const [, step] = sink.requests.flatMap(recordsOf);
    expect(step).toMatchObject({
      eventName: 'llm.training.step',
      attributes: { 'llm.training.epoch': 1.5 },
      body: { 'train/loss': Number.NaN, a: Infinity, b: -Infinity, c: 0.1 + 0.2, d: 5e-324 },
      resource: { attributes: { 'llm.run.id': run.id, 'llm.run.project': 'http' } },
    });
    expect(Number((step as unknown as { body: Record<string, unknown> }).body['e'])).toBe(2);
  });

  it('waits as a 503 with Retry-After asks, and sends the same records again', async () => {
    const accepted = answerBy((_, request) =>
      request === 1 ? { code: 503, headers: { 'retry-after': '1' } } : { code: 200 },
    );
    const run = await start(temporaryFolder());
    await run.flush();
    for (let i = 0; i < 20; i++) run.step({ a: i });
    expect(await run.finish()).toMatchObject({ state: 'delivered' });
    expect(accepted).toEqual(Array.from({ length: 22 }, (_, seq) => seq));
  });

  it('sets a poison record aside and delivers all others', async () => {
    const accepted = answerBy((seqs) => ({ code: seqs.includes(13) ? 400 : 200 }));
    const run = await start(temporaryFolder());
    for (let i = 0; i < 40; i++) run.step({ a: i });
    expect(await run.finish()).toMatchObject({ state: 'delivered', refused: 1 });
    expect([...new Set(accepted)]).toEqual(
      Array.from({ length: 42 }, (_, seq) => seq).filter((seq) => seq !== 13),
    );
    expect(run.stats()).toMatchObject({ refused: 1, pending: 0 });
  });

  it('is bounded when the receiver hangs, and everything is delivered later by sync', async () => {
    sink.answerWith(() => {});
    const journalDir = temporaryFolder();
    const run = await startRun({
      project: 'http',
      journalDir,
      exporter: createEventExporter({ endpoint: sink.url, timeoutMs: 50, env: {}, background: true }),
      backOff: noBackOff,
      instruments: new InstrumentRegistry(),
      env: { OTEL_SDK_DISABLED: 'true' },
    });
    for (let i = 0; i < 5; i++) run.step({ a: i });
    expect(await run.finish()).toMatchObject({ state: 'unavailable', acknowledged: -1 });
    expect(run.stats()).toMatchObject({ pending: 7, delivered: 0 });
    const accepted = answerBy(() => ({ code: 200 }));
    expect(await run.flush()).toMatchObject({ state: 'delivered' });
    expect(accepted).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const report = await syncJournals({ journalDir, endpoint: sink.url, env: {} });
    expect(report.journals).toMatchObject([{ state: 'nothing' }]);
  });

  it('keeps everything for a receiver that wants a token', async () => {
    const accepted = answerBy(() => ({ code: 401 }));
    const run = await start(temporaryFolder());
    run.step({ a: 1 });
    expect(await run.finish()).toMatchObject({ state: 'unauthorized', acknowledged: -1, refused: 0 });
    answerBy(() => ({ code: 200 }));
    expect(await run.flush()).toMatchObject({ state: 'delivered', acknowledged: 2 });
    expect(accepted).toEqual([]);
  });
});
