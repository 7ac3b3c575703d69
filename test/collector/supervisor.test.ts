import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { planCollector, runCollector } from '../../src/collector/index.ts';
import { type Ended, Supervisor, type SupervisorOptions } from '../../src/collector/run/supervisor.ts';
import { program, temporaryFolder } from './programs.ts';

/** Timers that run when the test says so. */
function manualTimers() {
  const waiting: { ms: number; run: () => void; cancelled: boolean }[] = [];
  const listeners: (() => void)[] = [];
  return {
    after: (ms: number, run: () => void) => {
      const timer = { ms, run, cancelled: false };
      waiting.push(timer);
      for (const tell of listeners.splice(0)) tell();
      return { cancel: () => void (timer.cancelled = true) };
    },
    /** The next timer that is asked for, or the last one that waits. */
    next: async () => {
      while (waiting.length === 0) await new Promise<void>((resolve) => listeners.push(resolve));
      return waiting.shift() as (typeof waiting)[number];
    },
  };
}

/** Supervises JavaScript code in this Node. */
function supervise(code: string, more: Partial<SupervisorOptions> = {}) {
  return new Supervisor({ command: process.execPath, args: ['-e', code], env: { ...process.env }, ...more });
}

describe('the supervisor', () => {
  it('starts a Collector again with growing pauses, and gives up one that was never ready', async () => {
    const timers = manualTimers();
    const crashes: [number | null, number, readonly string[]][] = [];
    const supervisor = supervise('console.error("no port"); process.exit(7)', {
      after: timers.after,
      mostEarlyEnds: 4,
      firstPauseMs: 1000,
      longestPauseMs: 3000,
      crashed: ({ code, lastLines }: Ended, pause) => crashes.push([code, pause, lastLines]),
    });
    const ended = supervisor.run();
    const given = expect(ended).rejects.toThrow(
      /ended 4 times before it was ready \(exit code 7\).*no port/s,
    );
    for (let i = 0; i < 3; i++) (await timers.next()).run();
    await given;
    expect(crashes).toEqual([
      [7, 1000, ['no port']],
      [7, 2000, ['no port']],
      [7, 3000, ['no port']],
    ]);
  });

  it('never gives up one that was ready, and forgets its ends after it ran well', async () => {
    const timers = manualTimers();
    const pauses: number[] = [];
    let now = 0;
    const supervisor = supervise('process.exit(1)', {
      after: timers.after,
      now: () => now,
      mostEarlyEnds: 1,
      started: () => {
        supervisor.markReady();
        // The third one runs for a while.
        if (pauses.length === 2) now += 100_000;
      },
      crashed: (_, pause) => pauses.push(pause),
    });
    const ended = supervisor.run();
    for (let i = 0; i < 3; i++) (await timers.next()).run();
    await timers.next();
    supervisor.stop();
    await ended;
    expect(pauses).toEqual([1000, 2000, 1000, 2000]);
  });

  it('stops with SIGTERM, and leaves the program the time to end', async () => {
    const timers = manualTimers();
    const lines: string[] = [];
    const supervisor = supervise(
      'process.on("SIGTERM", () => { console.log("flushed"); process.exit(0); }); console.log("up"); setInterval(() => {}, 1000)',
      {
        after: timers.after,
        line: (line) => {
          lines.push(line);
          if (line === 'up') supervisor.stop();
        },
      },
    );
    await supervisor.run();
    expect(lines).toEqual(['up', 'flushed']);
    expect((await timers.next()).cancelled).toBe(true);
  });

  it('kills what does not end within the grace', async () => {
    const timers = manualTimers();
    const supervisor = supervise(
      'process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000)',
      {
        after: timers.after,
        graceMs: 1234,
        line: () => supervisor.stop(),
      },
    );
    const ended = supervisor.run();
    const grace = await timers.next();
    expect(grace.ms).toBe(1234);
    grace.run();
    await ended;
  });

  it('says so when the program cannot be started', async () => {
    const supervisor = new Supervisor({ command: '/no/such/collector', args: [], env: {} });
    await expect(supervisor.run()).rejects.toThrow(/\/no\/such\/collector cannot be started: .*ENOENT/);
  });
});

/** Answers the health check, and tells its environment and arguments at /metrics. */
const FAKE_COLLECTOR = `
const { createServer } = require('node:http');
const { readFileSync } = require('node:fs');
const config = readFileSync(process.argv[process.argv.indexOf('--config') + 1], 'utf8');
const port = (pattern) => Number(pattern.exec(config)[1]);
const metrics = [
  'otelcol_exporter_queue_size{data_type="traces",exporter="otlp_http/hub"} 2.0971520e+07',
  'otelcol_exporter_queue_capacity{data_type="traces",exporter="otlp_http/hub"} 2.147483648e+09',
  'otelcol_exporter_sent_spans{exporter="file/traces"} 12',
  'memlimit{value="' + process.env.GOMEMLIMIT + '",token="' + process.env.LLM_OTEL_HUB_TOKEN + '"} 1',
].join('\\n');
createServer((_, response) => response.end('ok')).listen(port(/health_check: \\{endpoint: "127.0.0.1:(\\d+)"/), '127.0.0.1');
createServer((_, response) => response.end(metrics)).listen(port(/port: (\\d+) # OTELCOL_METRICS_PORT/), '127.0.0.1');
`;

async function freePort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}

describe('a running Collector', () => {
  it('is ready when its health check answers, tells how its destinations do, and stops', async () => {
    using folder = temporaryFolder();
    const path = program(join(folder.path, 'otelcol'), FAKE_COLLECTOR);
    const plan = planCollector({
      destinations: ['hub', 'file'],
      env: { LLM_OTEL_HUB_TOKEN: 'hub-token-value' },
      flags: {
        OTELCOL_STATE: join(folder.path, 'state'),
        OTELCOL_HEALTH_PORT: await freePort(),
        OTELCOL_METRICS_PORT: await freePort(),
      },
    });
    const log: string[] = [];
    const behind = Promise.withResolvers<void>();
    const running = runCollector({
      plan,
      path,
      env: process.env,
      log: (level, message) => {
        log.push(`${level}: ${message}`);
        behind.resolve();
      },
    });
    await running.ready;
    await behind.promise;
    expect(log).toEqual([
      'warn: hub: nothing arrives; 20 MiB wait in its queue (under 1 %) and are sent when it is back',
    ]);
    expect((await running.status()).map(({ destination, state }) => [destination, state])).toEqual([
      ['file', 'delivering'],
      ['hub', 'behind'],
    ]);
    const metrics = await (await fetch(plan.endpoints.metrics)).text();
    expect(metrics).toContain('memlimit{value="819MiB",token="hub-token-value"}');
    expect(readFileSync(join(folder.path, 'state', 'collector.yaml'), 'utf8')).toBe(plan.yaml);
    await running.stop();
    await running.ended;
    expect(await running.status()).toEqual([]);
  });

  it('tells what a known end means, and rejects when it is given up', async () => {
    using folder = temporaryFolder();
    const path = program(
      join(folder.path, 'otelcol'),
      `console.error('Error: cannot start pipelines: listen tcp 127.0.0.1:4318: bind: address already in use'); process.exit(1)`,
    );
    const plan = planCollector({
      flags: { OTELCOL_STATE: join(folder.path, 'state'), OTELCOL_HEALTH_PORT: await freePort() },
    });
    const told = Promise.withResolvers<string>();
    const running = runCollector({
      plan,
      path,
      env: process.env,
      log: (_, message) => told.resolve(message),
    });
    expect(await told.promise).toMatch(/ended \(exit code 1\); starting it again in 1 s\. a port is taken/);
    await running.stop();
    await expect(running.ready).rejects.toThrow(/stopped before it was ready/);
  });

  it('does not take another Collector for its own', async () => {
    using folder = temporaryFolder();
    const other = createServer((_, response) => response.end('ok'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    try {
      const port = String((other.address() as AddressInfo).port);
      const plan = planCollector({ flags: { OTELCOL_STATE: folder.path, OTELCOL_HEALTH_PORT: port } });
      const running = runCollector({ plan, path: '/no/such/collector', env: {}, log: () => {} });
      await expect(running.ready).rejects.toThrow(/another Collector is running/);
      await expect(running.ended).rejects.toThrow(/another Collector is running/);
    } finally {
      other.closeAllConnections();
      await new Promise((resolve) => other.close(resolve));
    }
  });
});
