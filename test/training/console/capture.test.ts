import { diag } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { captureConsole } from '../../../src/training/console/capture.ts';
import type { SinkRecord } from '../../../src/trackers/index.ts';
import { RecordingSink } from '../../trackers/forwarder/recording-sink.ts';
import { startTestRun } from '../starting.ts';
import { temporaryFolder } from '../temporary.ts';

type Write = NodeJS.WriteStream['write'];
const writeOf = (stream: 'stdout' | 'stderr'): Write => Reflect.get(process[stream], 'write');

/** Stands in for the terminal: keeps what arrives there, and answers as it is told. */
class Terminal {
  readonly calls: unknown[][] = [];
  full = false;
  readonly write = ((...args: unknown[]) => {
    this.calls.push(args);
    const done = args.find((arg) => typeof arg === 'function') as (() => void) | undefined;
    done?.();
    return !this.full;
  }) as Write;
}

const own = { stdout: writeOf('stdout'), stderr: writeOf('stderr') };
let out: Terminal;
let err: Terminal;
beforeEach(() => {
  out = new Terminal();
  err = new Terminal();
  process.stdout.write = out.write;
  process.stderr.write = err.write;
});
afterEach(() => {
  process.stdout.write = own.stdout;
  process.stderr.write = own.stderr;
});

describe('capturing what a process prints', () => {
  it('leaves each write as it was: arguments, result, callback', () => {
    const { stop } = captureConsole(() => {});
    let done = 0;
    const callback = (): void => void done++;
    expect(process.stdout.write('a\n', 'utf8', callback)).toBe(true);
    out.full = true;
    expect(process.stdout.write(Buffer.from('b\n'), callback)).toBe(false);
    expect(process.stderr.write('c')).toBe(true);
    expect(out.calls).toEqual([
      ['a\n', 'utf8', callback],
      [Buffer.from('b\n'), callback],
    ]);
    expect(err.calls).toEqual([['c']]);
    expect(done).toBe(2);
    stop();
  });

  it('gives whole lines of both streams, also of bytes that cut a character', () => {
    const lines: [string, string][] = [];
    const { stop } = captureConsole((stream, line) => void lines.push([stream, line]));
    process.stdout.write('one\ntw');
    process.stderr.write('bad\n');
    process.stdout.write('o\n');
    const bytes = Buffer.from('grün\n');
    process.stdout.write(bytes.subarray(0, 3));
    process.stdout.write(new Uint8Array(bytes.subarray(3)));
    process.stdout.write(Buffer.from('hex\n').toString('hex'), 'hex');
    process.stdout.write('the rest');
    stop();
    expect(lines).toEqual([
      ['stdout', 'one'],
      ['stderr', 'bad'],
      ['stdout', 'two'],
      ['stdout', 'grün'],
      ['stdout', 'hex'],
      ['stdout', 'the rest'],
    ]);
  });

  it('does not come back to itself: what the listener prints, and what is ours, is printed and not captured', () => {
    const lines: string[] = [];
    const { stop } = captureConsole((_, line) => {
      lines.push(line);
      process.stderr.write(`seen ${line}\n`);
      throw new Error('a listener that fails');
    });
    process.stderr.write('x\n');
    process.stderr.write('llm-otel: wandb is away\n');
    expect(lines).toEqual(['x']);
    expect(err.calls.flat()).toEqual(['seen x\n', 'x\n', 'llm-otel: wandb is away\n']);
    stop();
  });

  it('restores the streams when the last one stops, in whatever order they began', () => {
    const lines: string[] = [];
    const first = captureConsole((_, line) => void lines.push(`first ${line}`));
    const second = captureConsole((_, line) => void lines.push(`second ${line}`));
    process.stdout.write('a\n');
    first.stop();
    first.stop();
    process.stdout.write('b\n');
    expect(writeOf('stdout')).not.toBe(out.write);
    second.stop();
    process.stdout.write('c\n');
    expect(writeOf('stdout')).toBe(out.write);
    expect(writeOf('stderr')).toBe(err.write);
    expect(lines).toEqual(['first a', 'second a', 'second b']);
    expect(out.calls).toEqual([['a\n'], ['b\n'], ['c\n']]);
  });

  it('leaves no property behind where a stream had none, and a later wrapper of somebody else in its place', () => {
    Reflect.deleteProperty(process.stderr, 'write');
    const { stop } = captureConsole(() => {});
    expect(Object.hasOwn(process.stderr, 'write')).toBe(true);
    const ours = writeOf('stdout');
    const later = ((...args: Parameters<Write>) => ours.apply(process.stdout, args)) as Write;
    process.stdout.write = later;
    stop();
    expect(Object.hasOwn(process.stderr, 'write')).toBe(false);
    expect(writeOf('stdout')).toBe(later);
    expect(process.stdout.write('still printed')).toBe(true);
    expect(out.calls).toEqual([['still printed']]);
  });
});

const printed = (records: readonly SinkRecord[]): string[] =>
  records.flatMap((record) => (record.kind === 'console' ? [`${record.stream}: ${record.text}`] : []));

describe('a run that captures the console', () => {
  it('gives its trackers every line before its end, also one without a line end, and then lets go', async () => {
    const sink = new RecordingSink();
    const { run } = await startTestRun({
      journalDir: temporaryFolder(),
      exporter: false,
      captureConsole: true,
      trackers: [{ sink: () => sink }],
    });
    process.stdout.write('epoch 1\nepoch');
    process.stderr.write('careful\n');
    run.step({ a: 1 });
    process.stdout.write(' 2');
    await run.finish();
    process.stdout.write('after\n');
    expect(printed(sink.records)).toEqual(['stdout: epoch 1', 'stderr: careful', 'stdout: epoch 2']);
    expect(sink.opened).toHaveLength(1);
    expect(sink.closed).toHaveLength(1);
    expect(writeOf('stdout')).toBe(out.write);
  });

  it('captures nothing unless it is told to: by option, variable, or a tracker of W&B with console: wrap', async () => {
    const wrap = { platform: 'wandb', mode: 'offline', console: 'wrap' } as const;
    const captures = async (options: Parameters<typeof startTestRun>[0]): Promise<boolean> => {
      const { run } = await startTestRun({ exporter: false, ...options });
      const captured = writeOf('stdout') !== out.write;
      await run.finish();
      return captured;
    };
    const dir = (): { journalDir: string } => ({ journalDir: temporaryFolder() });
    const sink = { sink: () => new RecordingSink() };
    const env = { OTEL_SDK_DISABLED: 'true', WANDB_DIR: temporaryFolder() };
    expect(await captures({ ...dir(), trackers: [sink] })).toBe(false);
    expect(await captures({ ...dir(), captureConsole: true })).toBe(false);
    const variable = { ...env, LLM_OTEL_CAPTURE_CONSOLE: 'true' };
    expect(await captures({ ...dir(), trackers: [sink], env: variable })).toBe(true);
    expect(await captures({ ...dir(), trackers: [sink], env: variable, captureConsole: false })).toBe(false);
    expect(await captures({ ...dir(), trackers: [wrap], env })).toBe(true);
  });

  it('does not feed a tracker that is away with the messages about it', async () => {
    diag.setLogger({
      debug() {},
      info() {},
      verbose() {},
      warn: (message) => void process.stderr.write(`${message}\n`),
      error: (message) => void process.stderr.write(`${message}\n`),
    });
    const sink = new RecordingSink();
    let down = true;
    sink.before = () => {
      if (down) throw new Error('away');
    };
    const { run } = await startTestRun({
      journalDir: temporaryFolder(),
      exporter: false,
      captureConsole: true,
      trackers: [{ sink: () => sink }],
      sinkBackOff: { firstMs: 0, maxMs: 0, random: () => 0 },
    });
    process.stdout.write('mine\n');
    await run.flush();
    down = false;
    await run.finish();
    diag.disable();
    expect(err.calls.flat().join('')).toContain('away');
    expect(printed(sink.records)).toEqual(['stdout: mine']);
  });

  it('costs bounded memory: of a flood the newest lines are left, and what was dropped is counted', async () => {
    const sink = new RecordingSink();
    let down = true;
    sink.before = () => {
      if (down) throw new Error('away');
    };
    const { run } = await startTestRun({
      journalDir: temporaryFolder(),
      exporter: false,
      captureConsole: true,
      trackers: [{ sink: () => sink }],
      sinkBackOff: { firstMs: 0, maxMs: 0, random: () => 0 },
    });
    for (let index = 0; index < 30_000; index++) process.stdout.write(`line ${index}\n`);
    down = false;
    await run.finish();
    const lines = printed(sink.records);
    expect(lines.length).toBeGreaterThan(8000);
    expect(lines.length).toBeLessThanOrEqual(10_000);
    expect(lines.at(-1)).toBe('stdout: line 29999');
    expect(run.stats().trackers[0]?.dropped).toBe(30_000 - lines.length);
  });
});
