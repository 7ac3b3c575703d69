/** Runs programs/observed.ts against the hub's receiver, and reads what arrives. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { decodeAttributes } from '../../../src/otlp/index.ts';
import { type Receiving, startReceiving } from '../../hub/receiver/receiving.ts';

export interface Point {
  readonly value: number;
  readonly attributes: Readonly<Record<string, unknown>>;
}
/** One export: points by metric. */
export type Export = ReadonlyMap<string, readonly Point[]>;

const PROGRAM = fileURLToPath(new URL('../programs/observed.ts', import.meta.url));

export class Observed {
  readonly receiving: Receiving;
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<number | null>;
  readonly exports: Export[] = [];
  stderr = '';
  #waiting: (() => void)[] = [];

  static async start(env: Record<string, string>, options: object = {}): Promise<Observed> {
    return new Observed(await startReceiving(), env, options);
  }

  private constructor(receiving: Receiving, env: Record<string, string>, options: object) {
    this.receiving = receiving;
    receiving.store.behaviour = async (request) => {
      if (request.signal === 'metrics') {
        const points = new Map<string, Point[]>();
        for (const { scopeMetrics } of request.resourceMetrics)
          for (const { metrics } of scopeMetrics)
            for (const metric of metrics) points.set(metric.name, pointsOf(metric));
        this.exports.push(points);
        for (const check of this.#waiting) check();
      }
      return { rejected: 0, message: '' };
    };
    this.child = spawn(process.execPath, [PROGRAM, JSON.stringify(options)], {
      env: {
        PATH: process.env['PATH'] ?? '',
        OTEL_EXPORTER_OTLP_ENDPOINT: receiving.url,
        OTEL_METRIC_EXPORT_INTERVAL: '150',
        OTEL_METRIC_EXPORT_TIMEOUT: '150',
        ...env,
      },
    });
    this.child.stdout.resume();
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = once(this.child, 'close').then(([code]) => code as number | null);
  }

  /** The first export from now on that the test holds for. */
  async until(test: (points: Export) => boolean): Promise<Export> {
    const from = this.exports.length;
    for (;;) {
      const found = this.exports.slice(from).find(test);
      if (found) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Lets the program's loop run empty. */
  end(): void {
    this.child.stdin.write('end\n');
  }

  async close(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    await this.ended;
    await this.receiving.close();
  }
}

function pointsOf(metric: object): Point[] {
  const { points } = metric as { points: { value: number; attributes: Uint8Array }[] };
  return points.map(({ value, attributes }) => ({ value, attributes: decodeAttributes(attributes) }));
}

/** Values by `gpu.index` and further attributes, joined by a space. */
export function byGpu(points: Export, name: string, ...attributes: string[]): Record<string, number> {
  const values: Record<string, number> = {};
  for (const point of points.get(name) ?? []) {
    const key = ['gpu.index', ...attributes]
      .map((attribute) => String(point.attributes[attribute]))
      .join(' ');
    values[key] = point.value;
  }
  return values;
}
