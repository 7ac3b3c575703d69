import { diag, type DiagLogger, DiagLogLevel } from '@opentelemetry/api';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { METRIC } from '../../src/conventions/index.ts';
import { PortableReader } from '../../src/observers/host/portable-reader.ts';
import type { HostReader } from '../../src/observers/host/snapshot.ts';
import { observesTheMachine } from '../../src/observers/gpu/presence.ts';
import { hostAttributes } from '../../src/telemetry/settings/host-attributes.ts';
import { hostInventory, startHostObserver, startObservers } from '../../src/observers/index.ts';
import { readSelection, selectionText } from '../../src/observers/selection.ts';
import { InstrumentRegistry, instruments } from '../../src/telemetry/instruments/registry.ts';
import { fixtureTree } from './fixture-tree.ts';
import { valuesOf } from './published-values.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the host observer', () => {
  it('samples at once and then at its interval, and takes everything off when it stops', () => {
    const registry = new InstrumentRegistry();
    const portable = new PortableReader();
    let samples = 0;
    let closed = false;
    const reader: HostReader = {
      read: () => {
        samples++;
        return portable.read();
      },
      close: () => {
        closed = true;
      },
    };
    const timers = [vi.spyOn(globalThis, 'setTimeout'), vi.spyOn(globalThis, 'setInterval')];
    const observer = startHostObserver({ interval: '2s', reader, registry });
    expect(samples).toBe(1);
    vi.advanceTimersByTime(1000);
    expect(samples).toBe(2); // shares of time soon, also at a long interval
    vi.advanceTimersByTime(4000);
    expect(samples).toBe(4);
    // None of them keeps the process alive.
    const made = timers.flatMap((spy) => spy.mock.results.map(({ value }) => value as NodeJS.Timeout));
    expect(made.map((timer) => timer.hasRef())).toEqual([false, false]);
    for (const spy of timers) spy.mockRestore();
    expect(valuesOf(registry, METRIC.memoryLimit)['']).toBeGreaterThan(0);
    observer.stop();
    vi.advanceTimersByTime(10_000);
    expect([samples, closed, vi.getTimerCount()]).toEqual([4, true, 0]);
    expect(valuesOf(registry, METRIC.memoryLimit)).toEqual({});
  });

  it('logs a sample that fails once and takes the next one all the same', () => {
    const warnings: string[] = [];
    const logger = { warn: (message: string) => void warnings.push(message) } as unknown as DiagLogger;
    diag.setLogger({ ...logger, debug() {}, error() {}, info() {}, verbose() {} }, DiagLogLevel.WARN);
    const registry = new InstrumentRegistry();
    const portable = new PortableReader();
    let samples = 0;
    const observer = startHostObserver({
      registry,
      reader: {
        read: () => {
          if (++samples <= 3) throw new Error('broken disk');
          return portable.read();
        },
        close() {},
      },
    });
    vi.advanceTimersByTime(3000);
    observer.stop();
    diag.disable();
    expect(samples).toBe(4);
    expect(warnings).toEqual(['llm-otel: a sample of the host observer failed: Error: broken disk']);
  });
});

describe('the observers of a process', () => {
  it('run once, until the last who started them stops', () => {
    const first = startObservers();
    const second = startObservers();
    expect(Object.keys(valuesOf(instruments, METRIC.systemUptime))).toEqual(['']);
    first.stop();
    first.stop();
    expect(Object.keys(valuesOf(instruments, METRIC.systemUptime))).toEqual(['']);
    second.stop();
    expect(valuesOf(instruments, METRIC.systemUptime)).toEqual({});
    expect(vi.getTimerCount()).toBe(0);
  });

  it('are those that LLM_OTEL_OBSERVERS names, unless options say otherwise', () => {
    vi.stubEnv('LLM_OTEL_OBSERVERS', 'runtime');
    try {
      const fromEnvironment = startObservers();
      expect(valuesOf(instruments, METRIC.systemUptime)).toEqual({});
      expect(valuesOf(instruments, METRIC.eventloopTime)).not.toEqual({});
      fromEnvironment.stop();
      const asked = startObservers({ host: { interval: '5s' }, runtime: false });
      expect(valuesOf(instruments, METRIC.systemUptime)).not.toEqual({});
      expect(valuesOf(instruments, METRIC.eventloopTime)).toEqual({});
      asked.stop();
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('of host and runtime neither keep the process alive nor start programs', async () => {
    vi.useRealTimers();
    const entry = new URL('../../src/observers/index.ts', import.meta.url);
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        `import child from 'node:child_process';
         import { syncBuiltinESMExports } from 'node:module';
         for (const name of ['spawn', 'spawnSync', 'exec', 'execSync', 'execFile', 'execFileSync', 'fork'])
           child[name] = () => process.stdout.write('started a program ');
         syncBuiltinESMExports();
         const { startObservers } = await import(${JSON.stringify(entry.href)});
         startObservers({ gpu: false });
         process.stdout.write('end of the program');`,
      ],
      { timeout: 20_000 },
    );
    expect(stdout).toBe('end of the program');
  });
});

describe('LLM_OTEL_OBSERVERS', () => {
  it.each([
    [undefined, { host: {}, runtime: {}, gpu: {} }],
    ['', { host: {}, runtime: {}, gpu: {} }],
    ['none', {}],
    ['host', { host: {} }],
    [' gpu:2s , host:500ms', { gpu: { interval: 2000 }, host: { interval: 500 } }],
  ])('says in %j which observers there are, and their intervals', (text, selection) => {
    expect(readSelection(text)).toEqual(selection);
    expect(readSelection(selectionText(selection))).toEqual(selection);
  });
  it.each([
    ['gpus', 'LLM_OTEL_OBSERVERS names "gpus"; expected host, runtime, gpu or none'],
    ['host:soon', 'LLM_OTEL_OBSERVERS holds "host:soon"'],
  ])('is told what is wrong with %j', (text, message) => {
    expect(() => readSelection(text)).toThrow(message);
  });
});

describe('the GPUs of a machine', () => {
  it.each([
    [{}, true],
    [{ LOCAL_RANK: '0' }, true],
    [{ LOCAL_RANK: '3' }, false],
    [{ SLURM_LOCALID: '1' }, false],
    [{ NODE_UNIQUE_ID: '1' }, false],
  ])('are observed by one of its processes: %j', (env, observes) => {
    expect(observesTheMachine(env)).toBe(observes);
  });
});

describe('what Node knows of any machine', () => {
  it('is CPU, memory, load and this process', () => {
    const snapshot = new PortableReader().read();
    expect(snapshot.cpuCount).toBeGreaterThan(0);
    expect(snapshot.cpu?.idle).toBeGreaterThan(0);
    expect(snapshot.memory?.total).toBeGreaterThan(snapshot.memory?.free ?? Infinity);
    expect(snapshot.process.residentBytes).toBeGreaterThan(1_000_000);
    expect(snapshot.disks).toEqual([]);
  });
});

describe('the inventory', () => {
  it('says what the machine is made of', async () => {
    vi.useRealTimers();
    const inventory = await hostInventory();
    expect(inventory.logicalCpus).toBeGreaterThan(0);
    expect(inventory.memory).toBeGreaterThan(0);
    expect(inventory.hostName).not.toBe('');
    expect(inventory.node).toBe(process.version);
  });

  it('stands in the resource, with the GPUs that the driver lists', () => {
    const proc = fixtureTree({
      'driver/nvidia/version':
        'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\nGCC version: 12\n',
      'driver/nvidia/gpus/0000:1a:00.0/information': 'Model: \t\t NVIDIA H100 80GB HBM3\nIRQ: 5\n',
      'driver/nvidia/gpus/0000:1b:00.0/information': 'Model: \t\t NVIDIA H100 80GB HBM3\n',
    });
    expect(hostAttributes({ proc })).toMatchObject({
      'host.gpus': 'NVIDIA H100 80GB HBM3, NVIDIA H100 80GB HBM3',
      'host.gpu.driver_version': '580.65.06',
      'process.runtime.version': process.versions.node,
    });
    expect(hostAttributes({ proc: '/nowhere' })).not.toHaveProperty('host.gpus');
  });
});
