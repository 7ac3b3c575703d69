import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Signal } from '../../../src/otlp/index.ts';
import { freePorts } from './collector.ts';
import { SIGNALS } from './ledger.ts';

/** The shipped overlays that take part here: the must-not-lose hub, and optional ones. */
export type Remote = 'hub' | 'otlp' | 'mlflow' | 'weave' | 'opik';
export type Destination = Remote | 'file';

interface Shipped {
  signals: readonly Signal[];
  /** Variables that name its address (with the path before /v1/) and the size of its queue, and those that it needs. */
  endpoint: string;
  queueBytes: string;
  needs: Readonly<Record<string, string>>;
}

const FOLDER = fileURLToPath(new URL('../../../collector-config/', import.meta.url));
const TRACES: readonly Signal[] = ['traces'];

export const SHIPPED: Readonly<Record<Remote, Shipped>> = {
  hub: { signals: SIGNALS, endpoint: 'HUB_ENDPOINT', queueBytes: 'HUB_QUEUE_BYTES', needs: {} },
  otlp: { signals: SIGNALS, endpoint: 'OTLP_ENDPOINT', queueBytes: 'OTLP_QUEUE_BYTES', needs: {} },
  mlflow: { signals: TRACES, endpoint: 'MLFLOW_TRACKING_URI', queueBytes: 'MLFLOW_QUEUE_BYTES', needs: {} },
  weave: {
    signals: TRACES,
    endpoint: 'WANDB_OTLP_ENDPOINT',
    queueBytes: 'WEAVE_QUEUE_BYTES',
    needs: { WANDB_API_KEY: 'none', WANDB_ENTITY: 'team', WANDB_PROJECT: 'isolation' },
  },
  opik: {
    signals: TRACES,
    endpoint: 'OPIK_URL_OVERRIDE',
    queueBytes: 'OPIK_QUEUE_BYTES',
    needs: { OPIK_API_KEY: 'none', OPIK_WORKSPACE: 'team' },
  },
};

/** Name of its exporter, as the Collector's own metrics say it. */
export const exporterOf = (remote: Remote): string => `otlp_http/${remote}`;

/** The base and overlays as they are shipped; options are file names below `options/`. */
export function configsOf(destinations: readonly Destination[], options: readonly string[] = []): string[] {
  return [
    'base.yaml',
    ...destinations.map((name) => `destinations/${name}.yaml`),
    ...options.map((name) => `options/${name}.yaml`),
  ].map((file) => join(FOLDER, file));
}

/** One Collector's place: ports and folders of its own, so that several run on one machine. */
export interface Place {
  folder: string;
  files: string;
  url: string;
  metricsPort: number;
  env: Record<string, string>;
}

/** Folders that are not removed yet: none is left behind. */
const made = new Set<string>();
process.on('exit', () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

export interface PlaceOptions {
  /** Where the queues go; default: below the place's folder. */
  state?: string;
  /** Where the file destination writes; default: below the place's folder. */
  files?: string;
}

export async function makePlace(options: PlaceOptions = {}): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-otel-isolation-'));
  made.add(folder);
  const [grpcPort, httpPort, healthPort, metricsPort] = (await freePorts(4)) as [
    number,
    number,
    number,
    number,
  ];
  const files = options.files ?? join(folder, 'files');
  return {
    folder,
    files,
    url: `http://127.0.0.1:${httpPort}`,
    metricsPort,
    env: {
      OTELCOL_GRPC_PORT: String(grpcPort),
      OTELCOL_HTTP_PORT: String(httpPort),
      OTELCOL_HEALTH_PORT: String(healthPort),
      OTELCOL_METRICS_PORT: String(metricsPort),
      OTELCOL_STATE: options.state ?? join(folder, 'state'),
      OTELCOL_FILES: files,
    },
  };
}

export function removePlace(place: Place): void {
  made.delete(place.folder);
  rmSync(place.folder, { recursive: true, force: true });
}
