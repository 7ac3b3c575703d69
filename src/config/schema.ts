import * as v from 'valibot';
import { parseDuration } from '../conventions/duration.ts';
import { parseSize, SIZE_PATTERN } from '../conventions/size.ts';
import { Secret } from './secret.ts';

/**
 * `monitoring.yaml` as it may be written. Every key is optional; a key that is not here is an error. What the values
 * mean stands in docs/configuration.md, which a test compares with this file.
 */

/** `500ms`, `10s`, `5m`, `6h`, `30d`; gives milliseconds. */
const duration = v.pipe(
  v.union([v.string(), v.number()], 'expected a duration such as 500ms, 10s, 5m, 6h or 30d'),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const ms = typeof dataset.value === 'string' ? parseDuration(dataset.value) : undefined;
    if (ms !== undefined) return ms;
    addIssue({ message: 'expected a duration such as 500ms, 10s, 5m, 6h or 30d' });
    return NEVER;
  }),
);
/** A duration, or a bare number of seconds (the page's refresh intervals). Gives milliseconds. */
const secondsOrDuration = v.pipe(
  v.union([v.string(), v.pipe(v.number(), v.minValue(0))], 'expected seconds, or a duration such as 10s'),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const ms = typeof dataset.value === 'number' ? dataset.value * 1000 : parseDuration(dataset.value);
    if (ms !== undefined) return ms;
    addIssue({ message: 'expected seconds, or a duration such as 10s' });
    return NEVER;
  }),
);
const text = v.string('expected text');
const flag = v.boolean('expected true or false');
const number = v.pipe(v.number('expected a number'), v.finite('expected a finite number'));
const count = v.pipe(
  v.number('expected a whole number'),
  v.integer('expected a whole number'),
  v.minValue(1, 'expected at least 1'),
);
const port = v.pipe(
  v.number('expected a port, 0 to 65535'),
  v.integer('expected a port, 0 to 65535'),
  v.minValue(0, 'expected a port, 0 to 65535'),
  v.maxValue(65535, 'expected a port, 0 to 65535'),
);
const texts = v.array(text, 'expected a list of texts');
const sizeText = v.pipe(
  v.string('expected a size such as 4GiB'),
  v.regex(SIZE_PATTERN, 'expected a size such as 4GiB'),
);
/** `4GiB`; gives bytes. */
const size = v.pipe(sizeText, v.transform(parseSize));
const url = v.pipe(
  text,
  v.check((value) => URL.canParse(value), 'expected a URL such as http://localhost:5000'),
);
const secret = v.pipe(
  text,
  v.transform((value) => new Secret(value)),
);
const oneOf = <const T extends readonly string[]>(...values: T) =>
  v.picklist(values, `expected one of ${values.join(', ')}`);
/** An object of these keys, none of them needed and no others. */
const section = <T extends v.ObjectEntries>(entries: T) =>
  v.partial(v.strictObject(entries, 'expected a section with keys'));

const PLATFORMS = ['wandb', 'mlflow', 'comet', 'local'] as const;

/** What every tracker may be told. */
const eachTracker = {
  config_exclude_keys: texts,
  log_interval: count,
  on_sink_error: oneOf('spool', 'warn', 'throw'),
  ranks: oneOf('first', 'all'),
};
/** A duration that stays text: a bare number beside it means something else. */
const durationText = v.pipe(
  text,
  v.check((value) => parseDuration(value) !== undefined, 'expected a duration such as 500ms, 10s or 5m'),
);
const TRACKER_MODES = ['online', 'offline', 'disabled'] as const;

const experimentTracking = section({
  platform: oneOf(...PLATFORMS, 'multi'),
  platforms: v.array(oneOf(...PLATFORMS), `expected a list of ${PLATFORMS.join(', ')}`),
  capture_console: flag,
  wandb: section({
    ...eachTracker,
    project: text,
    entity: text,
    name: text,
    tags: texts,
    group: text,
    job_type: text,
    notes: text,
    log_code: flag,
    log_gradients: flag,
    log_parameters: flag,
    mode: oneOf(...TRACKER_MODES),
    api_key: secret,
    base_url: url,
    dir: text,
    console: v.union([flag, oneOf('wrap', 'off')], 'expected true, false, wrap or off'),
    alerts: oneOf('info', 'warning', 'error', 'none'),
    max_artifact_bytes: count,
  }),
  mlflow: section({
    ...eachTracker,
    tracking_uri: text,
    experiment_name: text,
    experiment_id: text,
    run_name: text,
    artifact_location: text,
    registry_uri: text,
    username: text,
    password: secret,
    token: secret,
    workspace: text,
    insecure_tls: flag,
    server_cert_path: text,
    client_cert_path: text,
    upload_artifacts: flag,
    max_artifact_bytes: count,
    registered_model_name: text,
    nested: flag,
  }),
  comet: section({
    ...eachTracker,
    api_key: secret,
    project_name: text,
    workspace: text,
    experiment_name: text,
    tags: texts,
    auto_log: flag,
    log_code: flag,
    log_graph: flag,
    mode: oneOf(...TRACKER_MODES),
    base_url: url,
    offline_directory: text,
    max_artifact_bytes: count,
  }),
  local: section({
    ...eachTracker,
    log_dir: text,
    format: oneOf('json', 'csv', 'sqlite', 'tensorboard'),
    auto_save_interval: v.union([count, durationText], 'expected steps, or a duration'),
    compress_logs: flag,
    copy_artifacts: flag,
  }),
});

/** Each has a file `collector-config/destinations/<name>.yaml`; a test compares. */
export const COLLECTOR_DESTINATIONS = [
  'hub',
  'file',
  'mlflow',
  'weave',
  'opik',
  'prometheus',
  'remote-write',
  'otlp',
  'debug',
] as const;

const identifier = v.union([text, v.pipe(v.number(), v.transform(String))], 'expected text or a number');
const collector = section({
  destinations: v.array(
    oneOf(...COLLECTOR_DESTINATIONS),
    `expected a list of ${COLLECTOR_DESTINATIONS.join(', ')}`,
  ),
  overlays: texts,
  binary: text,
  host: text,
  ports: section({ grpc: port, http: port, health: port, metrics: port }),
  state_dir: text,
  memory: size,
  span_metrics: flag,
  hub: section({ endpoint: url, queue_size: size }),
  file: section({ dir: text, optional: flag }),
  mlflow: section({
    endpoint: url,
    experiment_id: identifier,
    run_id: text,
    content: flag,
    queue_size: size,
  }),
  weave: section({ endpoint: url, entity: text, project: text, content: flag, queue_size: size }),
  opik: section({ endpoint: url, workspace: text, project: text, content: flag, queue_size: size }),
  prometheus: section({ port, expiration: duration }),
  'remote-write': section({ endpoint: url, queue_requests: count }),
  otlp: section({ endpoint: url, content: flag, queue_size: size }),
  debug: section({ verbosity: oneOf('basic', 'normal', 'detailed') }),
});

const observer = section({ enabled: flag, interval: duration });

const CONDITIONS = ['>', '>=', '<', '<=', '==', '!='] as const;
const SEVERITIES = ['info', 'warning', 'critical'] as const;

const rule = v.strictObject({
  name: v.pipe(text, v.minLength(1, 'expected a name')),
  metric: v.pipe(text, v.minLength(1, 'expected a key such as train/loss')),
  condition: oneOf(...CONDITIONS),
  threshold: number,
  duration: v.optional(duration),
  severity: v.optional(oneOf(...SEVERITIES)),
  enabled: v.optional(flag),
  message: v.optional(text),
  window: v.optional(duration),
  clear_threshold: v.optional(number),
  keep_firing_for: v.optional(duration),
  nan: v.optional(oneOf('fire', 'nodata', 'ignore')),
  no_data: v.optional(oneOf('nodata_alert', 'resolve', 'keep')),
  no_data_after: v.optional(duration),
  labels: v.optional(v.record(text, text)),
  channels: v.optional(texts),
});

const channel = { enabled: flag, min_severity: oneOf(...SEVERITIES), send_resolved: flag };

export const monitoringSchema = v.strictObject({
  monitoring: v.optional(
    section({
      experiment_tracking: experimentTracking,
      observers: section({ host: observer, gpu: observer, runtime: observer }),
      serving: section({
        slo: section({
          time_to_first_token: duration,
          time_per_output_token: duration,
          request_duration: duration,
        }),
        routes: texts,
        provider_name: text,
        capture_content: flag,
      }),
      collector,
      hub: section({
        host: text,
        port,
        otlp_port: v.union([port, v.literal(false)], 'expected a port, or false'),
        data_dir: text,
        retention: duration,
        max_size: sizeText,
        token: secret,
        auth: oneOf('none', 'token'),
        allowed_hosts: texts,
      }),
      dashboard: section({ refresh_interval: secondsOrDuration, time_window: duration, auto_refresh: flag }),
      alerts: section({
        channels: section({
          email: section({
            ...channel,
            smtp_server: text,
            smtp_port: port,
            username: text,
            password: secret,
            recipients: texts,
            sender: text,
          }),
          slack: section({
            ...channel,
            webhook_url: v.pipe(
              url,
              v.transform((value) => new Secret(value)),
            ),
            channel: text,
          }),
          discord: section({
            ...channel,
            webhook_url: v.pipe(
              url,
              v.transform((value) => new Secret(value)),
            ),
          }),
          webhook: section({
            ...channel,
            url: v.pipe(
              url,
              v.transform((value) => new Secret(value)),
            ),
          }),
        }),
        rules: v.array(rule, 'expected a list of rules'),
      }),
    }),
  ),
});

export type Monitoring = NonNullable<v.InferOutput<typeof monitoringSchema>['monitoring']>;
