import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rankFolder } from '../../src/training/journal/folder.ts';
import {
  type JournalProblem,
  type JournalRecord,
  readJournal,
  syncJournals,
} from '../../src/training/index.ts';
import { OtlpSink } from '../telemetry/otlp-sink.ts';
import { TrainingProgram } from './child-program.ts';
import { MemoryReceiver } from './receiver.ts';
import { temporaryFolder } from './temporary.ts';

/** The children's own messages must not depend on who runs the tests. */
let sink: OtlpSink;
beforeEach(async () => {
  sink = await OtlpSink.start();
});
afterEach(() => sink.close());

async function journalOf(dir: string): Promise<{ records: JournalRecord[]; problems: JournalProblem[] }> {
  const records: JournalRecord[] = [];
  const problems: JournalProblem[] = [];
  for await (const { record } of readJournal(rankFolder(dir, 'child', 0), {
    onProblem: (problem) => problems.push(problem),
  }))
    records.push(record);
  return { records, problems };
}

const program = (journalDir: string, args: readonly string[], endpoint = sink.url): TrainingProgram =>
  new TrainingProgram(args, { LLM_OTEL_JOURNAL_DIR: journalDir, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });

const withoutHoles = (records: readonly JournalRecord[]): void =>
  expect(records.map(({ seq }) => seq)).toEqual(records.map((_, index) => index));

/** Distinct `llm.run.seq` that the sink has received. */
const received = (): number[] =>
  [...new Set(sink.logRecords().map(({ attributes }) => Number(attributes['llm.run.seq'])))].sort(
    (a, b) => a - b,
  );

describe('a run whose process ends', () => {
  it('is not held up by a tracker that never answers, and says what that lacks', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const child = new TrainingProgram(['hanging-tracker', url], {
      LLM_OTEL_JOURNAL_DIR: temporaryFolder(),
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      LLM_OTEL_SHUTDOWN_TIMEOUT: '500ms',
    });
    // Its own patience with a call is longer than that of this test.
    expect(await child.ended).toMatchObject({
      code: 0,
      signal: null,
      stderr: expect.stringMatching(/mlflow \(http.*\) has not taken \d+ of its records yet/),
    });
    silent.closeAllConnections();
    silent.close();
  }, 30_000);

  it.each([
    { args: ['return'], code: 0, status: 'finished' },
    { args: ['finish'], code: 0, status: 'finished' },
    { args: ['exit-code'], code: 4, status: 'failed' },
    { args: ['throw'], code: 1, status: 'failed' },
    { args: ['reject'], code: 1, status: 'failed' },
  ])(
    'by $args has everything recorded and delivered, as $status, with exit code $code',
    async ({ args, code, status }) => {
      const dir = temporaryFolder();
      const ending = await program(dir, args).ended;
      expect(ending, ending.stderr).toMatchObject({ code, signal: null });
      const { records, problems } = await journalOf(dir);
      expect(problems).toEqual([]);
      withoutHoles(records);
      expect(records.filter(({ event }) => event === 'llm.training.step')).toHaveLength(50);
      expect(records.at(-1)).toMatchObject({
        event: 'llm.run.end',
        attributes: { 'llm.run.status': status },
      });
      expect(received()).toEqual(records.map(({ seq }) => seq));
    },
  );

  it.each([
    { code: 0, status: 'finished' },
    { code: 3, status: 'failed' },
  ])('by process.exit($code) has everything in its journal, as $status', async ({ code, status }) => {
    const dir = temporaryFolder();
    const ending = await program(dir, ['exit', String(code)]).ended;
    expect(ending, ending.stderr).toMatchObject({ code, signal: null });
    const { records, problems } = await journalOf(dir);
    expect(problems).toEqual([]);
    withoutHoles(records);
    expect(records).toHaveLength(52);
    expect(records.at(-1)).toMatchObject({ event: 'llm.run.end', attributes: { 'llm.run.status': status } });
    const report = await syncJournals({ journalDir: dir, endpoint: sink.url });
    expect(report.journals).toMatchObject([{ state: 'delivered', interrupted: false }]);
    expect(received()).toEqual(records.map(({ seq }) => seq));
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s has everything delivered, as killed, and dies of that signal',
    async (signal) => {
      const dir = temporaryFolder();
      const running = program(dir, ['wait']);
      await running.ready();
      running.child.kill(signal);
      expect(await running.ended).toMatchObject({ code: null, signal });
      const { records } = await journalOf(dir);
      withoutHoles(records);
      expect(records).toHaveLength(52);
      expect(records.at(-1)).toMatchObject({
        event: 'llm.run.end',
        attributes: { 'llm.run.status': 'killed' },
      });
      expect(received()).toEqual(records.map(({ seq }) => seq));
    },
  );

  it('leaves the end to a program that handles the signal itself', async () => {
    const dir = temporaryFolder();
    const running = program(dir, ['own-handler']);
    await running.ready();
    running.child.kill('SIGTERM');
    const ending = await running.ended;
    expect(ending, ending.stderr).toMatchObject({ code: 0, signal: null });
    const { records } = await journalOf(dir);
    withoutHoles(records);
    expect(records.filter(({ event }) => event === 'llm.run.end')).toHaveLength(1);
    expect(records.at(-1)).toMatchObject({
      event: 'llm.run.end',
      attributes: { 'llm.run.status': 'finished' },
    });
    expect(records.at(-2)).toMatchObject({ event: 'llm.training.step' });
  });

  it('by its own exit after a signal is killed, with everything in its journal', async () => {
    const dir = temporaryFolder();
    const running = program(dir, ['own-exit']);
    await running.ready();
    running.child.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0, signal: null });
    const { records } = await journalOf(dir);
    withoutHoles(records);
    expect(records).toHaveLength(52);
    expect(records.at(-1)?.attributes['llm.run.status']).toBe('killed');
  });

  it('has everything in the folder that it began with, also when the program went to another one', async () => {
    const [from, to] = [temporaryFolder(), temporaryFolder()];
    const env = { LLM_OTEL_JOURNAL_DIR: 'journal', OTEL_EXPORTER_OTLP_ENDPOINT: sink.url };
    const ending = await new TrainingProgram(['move', to], env, from).ended;
    expect(ending).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(to)).toEqual([]);
    const { records } = await journalOf(join(from, 'journal'));
    expect(records).toHaveLength(52);
    expect(readdirSync(rankFolder(join(from, 'journal'), 'child', 0))).toContain('cursor.json');
  });

  it('with the receiver down keeps everything in its journal, and says where it is', async () => {
    const dir = temporaryFolder();
    const ending = await program(dir, ['return'], 'http://127.0.0.1:1').ended;
    expect(ending).toMatchObject({ code: 0, signal: null });
    expect(ending.stderr).toContain('llm-otel sync');
    const { records } = await journalOf(dir);
    expect(records).toHaveLength(52);
    const receiver = new MemoryReceiver();
    const report = await syncJournals({ journalDir: dir, exporter: receiver });
    expect(report).toMatchObject({
      sent: 52,
      failed: 0,
      journals: [{ state: 'delivered', interrupted: false }],
    });
    expect(receiver.named('llm.run.end')).toHaveLength(1);
  });
});

describe('a run whose process is killed by SIGKILL', () => {
  it.each(['endless', 'spinning'])(
    'while it is %s keeps what it had journaled, without holes, and is ended by sync',
    async (mode) => {
      const dir = temporaryFolder();
      const running = program(dir, [mode], 'http://127.0.0.1:1');
      await running.ready();
      const live = await syncJournals({ journalDir: dir, exporter: new MemoryReceiver() });
      expect(live).toMatchObject({ live: 1, sent: 0, journals: [{ state: 'live' }] });
      running.child.kill('SIGKILL');
      await running.ended;
      const { records, problems } = await journalOf(dir);
      withoutHoles(records);
      expect(records.length).toBeGreaterThan(300);
      // at most the end of the last write may be torn, and nothing before it
      expect(problems.filter(({ kind }) => kind !== 'torn')).toEqual([]);
      expect(records.some(({ event }) => event === 'llm.run.end')).toBe(false);

      const receiver = new MemoryReceiver();
      const report = await syncJournals({ journalDir: dir, exporter: receiver });
      expect(report.journals).toMatchObject([
        { state: 'delivered', interrupted: true, sent: records.length + 1 },
      ]);
      expect(receiver.seqs()).toEqual([...records.map(({ seq }) => seq), records.length]);
      expect(receiver.records.at(-1)).toMatchObject({
        eventName: 'llm.run.end',
        time: records.at(-1)?.time,
        attributes: { 'llm.run.status': 'killed', 'llm.run.interrupted': true },
      });
      const again = await syncJournals({ journalDir: dir, exporter: receiver });
      expect(again.journals).toMatchObject([{ state: 'nothing', sent: 0, interrupted: false }]);
    },
  );
});
