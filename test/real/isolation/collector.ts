import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

export interface CollectorOptions {
  binary: string;
  /** `--config` arguments in order: paths, or `yaml:` texts. */
  configs: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Port of the Collector's own metrics (Prometheus text), for `metrics()`. */
  metricsPort: number;
}

const READY = 'Everything is ready';
const READY_TIMEOUT_MS = 30_000;
const LOG_LINES = 40;
/** Kernel clock ticks a second in /proc (USER_HZ): 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Children that are not reaped yet: none outlives this process. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A real Collector as a process of its own, from its start to its end. */
export class Collector {
  readonly #child: ChildProcess;
  readonly #metricsPort: number;
  readonly #log: string[] = [];
  /** Exit code, or the signal's name. */
  readonly exited: Promise<number | string>;

  private constructor(child: ChildProcess, metricsPort: number) {
    this.#child = child;
    this.#metricsPort = metricsPort;
    running.add(child);
    this.exited = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    });
    void this.exited.then(() => running.delete(child));
  }

  /** Resolves when the Collector says that it is ready; rejects with its last lines when it ends or says nothing. */
  static async start({ binary, configs, env, metricsPort }: CollectorOptions): Promise<Collector> {
    const args = configs.flatMap((config) => ['--config', config]);
    const child = spawn(binary, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', ...env },
    });
    const collector = new Collector(child, metricsPort);
    await collector.#ready();
    return collector;
  }

  #ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(timer);
        reject(new Error(`the Collector ${why}; its last lines:\n${this.log()}`));
      };
      const timer = setTimeout(() => {
        this.#child.kill('SIGKILL');
        fail(`was not ready within ${READY_TIMEOUT_MS} ms`);
      }, READY_TIMEOUT_MS);
      if (this.#child.stderr) {
        createInterface({ input: this.#child.stderr }).on('line', (line) => {
          this.#log.push(line);
          if (this.#log.length > LOG_LINES) this.#log.shift();
          if (!line.includes(READY)) return;
          clearTimeout(timer);
          resolve();
        });
      }
      void this.exited.then((how) => fail(`ended (${how}) before it was ready`));
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** The last lines of its log. */
  log(): string {
    return this.#log.join('\n');
  }

  /** kill -9, and the wait for its end. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** SIGTERM; SIGKILL after the grace, harmless where queues are on disk. @returns ms it took, and whether it was killed */
  async stop(graceMs = 60_000): Promise<{ ms: number; killed: boolean }> {
    const began = performance.now();
    let killed = false;
    const timer = setTimeout(() => {
      killed = true;
      this.#child.kill('SIGKILL');
    }, graceMs);
    this.#child.kill('SIGTERM');
    await this.exited;
    clearTimeout(timer);
    return { ms: Math.round(performance.now() - began), killed };
  }

  /** The Collector's own metrics. */
  async metrics(): Promise<MetricLine[]> {
    const response = await fetch(`http://127.0.0.1:${this.#metricsPort}/metrics`, {
      signal: AbortSignal.timeout(5000),
    });
    return parseExposition(await response.text());
  }

  /** CPU seconds used until now, and the largest resident size, MiB (Linux only; NaN elsewhere). */
  usage(): { cpuSeconds: number; peakMib: number } {
    try {
      const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1];
      return {
        cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
        peakMib: Number(peak) / 1024,
      };
    } catch {
      return { cpuSeconds: Number.NaN, peakMib: Number.NaN };
    }
  }
}

export interface MetricLine {
  name: string;
  labels: string;
  value: number;
}

/** As much of the Prometheus text format as the Collector writes. */
function parseExposition(text: string): MetricLine[] {
  const lines: MetricLine[] = [];
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)/.exec(line);
    if (match) lines.push({ name: match[1] as string, labels: match[2] ?? '', value: Number(match[3]) });
  }
  return lines;
}

/** Sum of the lines whose name starts so, and whose labels hold the text. */
export function sumOf(lines: readonly MetricLine[], name: string, label = ''): number {
  let sum = 0;
  for (const line of lines) {
    if (line.name.startsWith(name) && line.labels.includes(label)) sum += line.value;
  }
  return sum;
}

/** So many free ports of loopback; they are all held while being chosen, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const { createServer } = await import('node:net');
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ports.push((server.address() as { port: number }).port);
  }
  for (const server of servers) {
    server.close();
    await once(server, 'close');
  }
  return ports;
}
