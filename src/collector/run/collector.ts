import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { CollectorPlan } from '../plan.ts';
import { adviceFor } from './advice.ts';
import type { CollectorReading } from './reading.ts';
import { destinationStatus, type DestinationStatus } from './status.ts';
import { endText, Supervisor } from './supervisor.ts';
import { isReady, readMetrics } from './watch.ts';

export interface RunOptions {
  plan: CollectorPlan;
  /** The program. */
  path: string;
  env: NodeJS.ProcessEnv;
  log: (level: 'info' | 'warn' | 'error', message: string) => void;
  /** Lines of the Collector's own log; default: none are shown. */
  line?: (line: string) => void;
  /** How often its state is read, milliseconds; default 10,000. What has changed is logged. */
  watchEveryMs?: number;
  graceMs?: number;
}

export interface RunningCollector {
  /** When its health check answered. Rejects when it is given up before that. */
  ready: Promise<void>;
  /** When it was stopped. Rejects when it is given up. */
  ended: Promise<void>;
  /** What its destinations do; empty while it does not answer. */
  status(): Promise<DestinationStatus[]>;
  pid(): number | undefined;
  /** SIGTERM, and SIGKILL after the grace; again: SIGKILL at once. */
  stop(): Promise<void>;
}

const READY_EVERY_MS = 100;

/** Starts a Collector with this plan and keeps it running. Its final configuration is left in the state folder. */
export function runCollector(options: RunOptions): RunningCollector {
  const { plan, log } = options;
  mkdirSync(plan.stateDir, { recursive: true, mode: 0o750 });
  const file = join(plan.stateDir, 'collector.yaml');
  writeFileSync(file, plan.yaml, { mode: 0o640 });

  const done = new AbortController();
  const supervisor = new Supervisor({
    command: options.path,
    args: ['--config', resolve(file)],
    env: { GOMEMLIMIT: `${plan.memoryLimitMib}MiB`, ...options.env, ...plan.secrets },
    ...(options.line ? { line: options.line } : {}),
    ...(options.graceMs === undefined ? {} : { graceMs: options.graceMs }),
    crashed: (ended, pause) => {
      const advice = adviceFor(ended.lastLines);
      log(
        'error',
        `the Collector ended (${endText(ended)}); starting it again in ${pause / 1000} s${advice ? `. ${advice}` : ''}`,
      );
      if (!advice) for (const line of ended.lastLines.slice(-3)) log('error', `  ${line}`);
    },
  });
  const free = mustBeFree(plan.endpoints.health);
  const ended = free.then(() => supervisor.run()).finally(() => done.abort());
  // Whoever awaits `ended` or `ready` hears of it; nobody has to.
  ended.catch(() => {});
  const ready = free
    .then(() => becomeReady(plan.endpoints.health, ended, done.signal))
    .then(() => supervisor.markReady());
  ready.catch(() => {});
  void ready.then(
    () => watch(options, done.signal),
    () => {},
  );
  return {
    ready,
    ended,
    status: async () => {
      const reading = await readMetrics(plan.endpoints.metrics);
      return reading ? destinationStatus(reading) : [];
    },
    pid: () => supervisor.pid,
    stop: async () => {
      supervisor.stop();
      await ended.catch(() => {});
    },
  };
}

/** Another Collector's answer would be taken for this one's. */
async function mustBeFree(health: string): Promise<void> {
  if (await isReady(health))
    throw new Error(
      `something answers at ${health} already: another Collector is running. Stop it, or choose other ports (collector.ports)`,
    );
}

async function becomeReady(health: string, ended: Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (await isReady(health)) return;
    await pause(READY_EVERY_MS, signal);
  }
  await ended;
  throw new Error('the Collector was stopped before it was ready');
}

/** Logs what has changed: a destination that fails, one that is back, a Collector that does not answer. */
async function watch(options: RunOptions, signal: AbortSignal): Promise<void> {
  const { plan, log, watchEveryMs = 10_000 } = options;
  let before: CollectorReading | undefined;
  const states = new Map<string, string>();
  let answers = true;
  while (!signal.aborted) {
    const reading = await readMetrics(plan.endpoints.metrics);
    if (signal.aborted) return;
    if (reading === undefined) {
      if (answers) log('warn', 'the Collector does not answer');
      answers = false;
    } else {
      if (!answers) log('info', 'the Collector answers again');
      answers = true;
      for (const line of changes(destinationStatus(reading, before), states)) log(...line);
      before = reading;
    }
    await pause(watchEveryMs, signal);
  }
}

const TROUBLE: ReadonlySet<string> = new Set(['losing', 'refused', 'full', 'behind']);

/** What is worth a line: trouble that is new or still loses data, and its end. `states` is brought up to date. */
export function changes(
  statuses: readonly DestinationStatus[],
  states: Map<string, string>,
): ['info' | 'warn', string][] {
  const lines: ['info' | 'warn', string][] = [];
  for (const { destination, state, message } of statuses) {
    const before = states.get(destination);
    states.set(destination, state);
    if (TROUBLE.has(state)) {
      if (state !== before || state === 'losing' || state === 'refused')
        lines.push(['warn', `${destination}: ${message}`]);
    } else if (before !== undefined && TROUBLE.has(before)) {
      lines.push(['info', `${destination}: fine again; ${message}`]);
    }
  }
  return lines;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) {
      done();
      return;
    }
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      done();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}
