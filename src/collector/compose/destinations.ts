import { COLLECTOR_DESTINATIONS } from '../../config/index.ts';

export type Destination = (typeof COLLECTOR_DESTINATIONS)[number];

/** What each destination is, for listings. Its file is `collector-config/destinations/<name>.yaml`. */
export const DESTINATIONS: Readonly<Record<Destination, string>> = {
  hub: 'traces, metrics and logs to llm-otel hub',
  file: 'OTLP JSON lines in local files',
  mlflow: 'traces to an MLflow server',
  weave: 'traces to Weights & Biases Weave',
  opik: 'GenAI spans to Comet Opik',
  prometheus: 'metrics for Prometheus to scrape',
  'remote-write': 'metrics by Prometheus remote write',
  otlp: 'traces, metrics and logs to any OTLP back end',
  debug: 'what passes, on standard error',
};

/** Small files that go beside a destination when something is set. Their files are `collector-config/options/<name>.yaml`. */
export const OPTIONS: readonly {
  name: string;
  /** Only with this destination; undefined: with any. */
  destination?: Destination;
  /** Taken when this variable has a value. */
  variable?: string;
}[] = [
  { name: 'span-metrics' },
  { name: 'file-optional', destination: 'file' },
  { name: 'hub-token', destination: 'hub', variable: 'LLM_OTEL_HUB_TOKEN' },
  { name: 'mlflow-run', destination: 'mlflow', variable: 'MLFLOW_RUN_ID' },
  { name: 'mlflow-auth', destination: 'mlflow', variable: 'MLFLOW_AUTHORIZATION' },
  { name: 'otlp-auth', destination: 'otlp', variable: 'OTLP_AUTHORIZATION' },
  { name: 'remote-write-auth', destination: 'remote-write', variable: 'REMOTE_WRITE_AUTHORIZATION' },
];

export function isDestination(name: string): name is Destination {
  return (COLLECTOR_DESTINATIONS as readonly string[]).includes(name);
}
