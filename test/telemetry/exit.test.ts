import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OtlpSink } from './otlp-sink.ts';
import { RunningProgram, runProgram } from './run-program.ts';

let sink: OtlpSink;
const programs: RunningProgram[] = [];
beforeEach(async () => {
  sink = await OtlpSink.start();
});
afterEach(async () => {
  for (const { child } of programs.splice(0)) child.kill('SIGKILL');
  await sink.close();
});

const run = (ending: string, env = {}) => runProgram('ends.ts', [ending, sink.url], { env });
function startProgram(ending: string, env = {}): RunningProgram {
  const program = new RunningProgram('ends.ts', [ending, sink.url], { env });
  programs.push(program);
  return program;
}
const names = () => sink.spans().map((span) => span.name);

/** Node's message without what differs between two files: positions, and the caret under the source line. */
const nodeMessage = (stderr: string): string =>
  stderr
    .split('\n')
    .filter((line) => !line.startsWith('llm-otel: ') && !/^\s*\^\s*$/.test(line))
    .join('\n')
    .replace(/file:\/\/\S+?:\d+(:\d+)?/g, 'FILE')
    .trim();

describe('the end of a process', () => {
  it('sends everything when the event loop runs empty, and ends with code 0', async () => {
    const ending = await run('drained');
    expect(ending).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(ending.stdout).toBe('flush drained\nsync drained\nexit 0\n');
    expect(names()).toEqual(['work']);
  });

  it("keeps the program's own exit code", async () => {
    expect(await run('drainedWithCode')).toMatchObject({ code: 7 });
    expect(names()).toEqual(['work']);
  });

  it('sends what another beforeExit listener records after the first flush', async () => {
    expect(await run('recordsInBeforeExit')).toMatchObject({ code: 0 });
    expect(names()).toEqual(['work', 'late']);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'sends everything on %s and ends by that signal',
    async (signal) => {
      const program = startProgram('signal');
      await program.says('ready');
      program.child.kill(signal);
      const ending = await program.ended;
      expect(ending).toMatchObject({ code: null, signal });
      expect(ending.stdout).toBe(`ready\nflush ${signal}\nsync ${signal}\n`);
      expect(names()).toEqual(['work']);
    },
  );

  it('leaves a signal to the listener of the program, and only flushes beside it', async () => {
    const program = startProgram('ownSignalListener');
    await program.says('ready');
    program.child.kill('SIGTERM');
    const ending = await program.ended;
    expect(ending).toMatchObject({ code: 0, signal: null });
    // The hook that ends things is not run while the program goes on, only when the loop is empty.
    expect(ending.stdout).toBe('ready\nown listener\nflush drained\nsync drained\nexit 0\n');
    expect(names()).toEqual(['work']);
  });

  it('does not wait for ever beside signal-exit, which re-raises a signal when it is alone', async () => {
    const program = startProgram('signalExit');
    await program.says('ready');
    program.child.kill('SIGTERM');
    const ending = await program.ended;
    expect(ending).toMatchObject({ code: null, signal: 'SIGTERM' });
    expect(ending.stdout).toContain('flush SIGTERM\nsync SIGTERM\nsignal-exit re-raises');
    expect(names()).toEqual(['work']);
  });

  it('ends at once on a second Ctrl-C, even when the receiver hangs', async () => {
    sink.answerWith(() => {});
    const program = startProgram('signal');
    await program.says('ready');
    program.child.kill('SIGINT');
    await sink.until(() => sink.requests.length > 0);
    program.child.kill('SIGINT');
    const ending = await program.ended;
    expect(ending).toMatchObject({ signal: 'SIGINT' });
    // Not the deadline has ended it: that would have been said.
    expect(ending.stderr).not.toContain('not finished within');
  });

  it.each(['throws', 'rejects', 'rejectsObject'])(
    "sends everything when the program %s, and then prints Node's own message and exits with 1",
    async (ending) => {
      const [bare, ours] = await Promise.all([runProgram('bare.mjs', [ending]), run(ending)]);
      expect(bare.code).toBe(1);
      expect(ours).toMatchObject({ code: 1, signal: null });
      expect(nodeMessage(ours.stderr)).toBe(nodeMessage(bare.stderr));
      expect(ours.stdout).toBe('flush uncaughtException\nsync uncaughtException\nexit 1\n');
      expect(names()).toEqual(['work']);
    },
  );

  it('sends everything when something that is no Error is thrown, and exits with 1', async () => {
    const ending = await run('throwsText');
    expect(ending.code).toBe(1);
    expect(ending.stderr).toContain('only text\n(Use `node --trace-uncaught');
    expect(names()).toEqual(['work']);
  });

  it('does not hand an uncaught error to a listener for rejections', async () => {
    const ending = await run('throwsWithRejectionListener');
    expect(ending.code).toBe(1);
    expect(ending.stderr).toContain('Error: boom beside a listener');
    expect(ending.stdout).not.toContain('must not be called');
  });

  it('leaves an uncaught error to the listener of the program', async () => {
    const ending = await run('throwsHandled');
    expect(ending).toMatchObject({ code: 0 });
    expect(ending.stdout).toBe('handled survivable\nflush drained\nsync drained\nexit 0\n');
    expect(names()).toEqual(['work']);
  });

  it('flushes while a listener of the program is busy with an uncaught error', async () => {
    const program = startProgram('throwsHandledThenExits', { OTEL_BSP_SCHEDULE_DELAY: '600000' });
    await sink.until(() => names().length > 0);
    program.child.stdin.end();
    expect(await program.ended).toMatchObject({ code: 9 });
    expect(names()).toEqual(['work']);
  });

  it('runs only synchronous work on process.exit(), keeps its code and says what was lost', async () => {
    const ending = await run('exits');
    expect(ending.code).toBe(3);
    expect(ending.stdout).toBe('sync exit\nexit 3\n');
    expect(ending.stderr).toContain('await telemetry.shutdown()');
    expect(ending.stderr).toContain('spans: 1 (not sent before the end)');
  });

  it.each([
    ['drained', 0],
    ['throws', 1],
  ])('is held up by a receiver that hangs for no longer than the deadline (%s)', async (way, code) => {
    sink.answerWith(() => {});
    // Were the process held by the request or a timer of the SDK, it would outlive this test.
    const ending = await run(way, { OTEL_EXPORTER_OTLP_TIMEOUT: '600000' });
    expect(ending.code).toBe(code);
    expect(ending.stderr).toContain('not finished within');
    expect(ending.stderr).toContain('spans: 1 (not sent before the end)');
  });

  it('is not kept alive by a request that hangs while the event loop runs empty', async () => {
    sink.answerWith(() => {});
    const program = startProgram('waitsForInput', {
      OTEL_EXPORTER_OTLP_TIMEOUT: '600000',
      OTEL_BSP_SCHEDULE_DELAY: '1',
    });
    await sink.until(() => sink.requests.length > 0);
    program.child.stdin.end();
    const ending = await program.ended;
    expect(ending.code).toBe(0);
    expect(ending.stdout).toContain('flush drained');
  });

  it('does not wait for a receiver that is not there', async () => {
    await sink.close();
    const ending = await run('drained');
    expect(ending.code).toBe(0);
    expect(ending.stderr).toContain('ECONNREFUSED');
    expect(ending.stderr).not.toContain('not finished within');
  });
});
