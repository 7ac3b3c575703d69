import { nearest } from '../../config/index.ts';
import { typeOf } from './components.ts';
import type { ConfigFinding } from './finding.ts';
import { at, entriesOf, type Located } from './located.ts';

const words = (text: string): readonly string[] => text.split(' ');
const HTTP_CLIENT = words(
  'endpoint proxy_url tls read_buffer_size write_buffer_size timeout headers auth compression compression_params max_idle_conns max_idle_conns_per_host max_conns_per_host idle_conn_timeout disable_keep_alives http2_read_idle_timeout http2_ping_timeout cookies force_attempt_http2 middlewares',
);
const GRPC_CLIENT = words(
  'endpoint compression tls keepalive read_buffer_size write_buffer_size wait_for_ready headers user_agent balancer_name authority auth middlewares timeout',
);
const HTTP_SERVER = words(
  'endpoint transport tls cors auth max_request_body_size include_metadata response_headers compression_algorithms read_timeout read_header_timeout write_timeout idle_timeout middlewares keep_alives_enabled',
);
const KAFKA_CLIENT = words(
  'brokers resolve_canonical_bootstrap_servers_only protocol_version client_id auth tls metadata conn_idle_timeout use_leader_epoch rack_id',
);
const QUEUE = words('enabled wait_for_result sizer queue_size block_on_overflow storage num_consumers batch');
const BATCH = words('flush_timeout sizer min_size max_size partition');
const RETRY = words('enabled initial_interval randomization_factor multiplier max_interval max_elapsed_time');

/** Keys of a component (`''`) and of sections inside it, at the pinned version. Source: the `mapstructure` tags of its Go code. */
const KEYS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'receivers/otlp': {
    '': ['protocols'],
    protocols: ['grpc', 'http'],
    'protocols.http': [...HTTP_SERVER, 'traces_url_path', 'metrics_url_path', 'logs_url_path'],
    'protocols.grpc': words(
      'endpoint transport dialer tls max_recv_msg_size_mib max_concurrent_streams read_buffer_size write_buffer_size keepalive auth include_metadata middlewares',
    ),
  },
  'receivers/kafka': {
    '': [
      ...KAFKA_CLIENT,
      ...words(
        'session_timeout heartbeat_interval group_id group_instance_id initial_offset autocommit min_fetch_size max_fetch_size max_fetch_wait max_partition_fetch_size group_rebalance_strategy group_rebalance_strategies logs metrics traces profiles message_marking header_extraction error_backoff telemetry',
      ),
    ],
    message_marking: ['after', 'on_error', 'on_permanent_error'],
  },
  'processors/memory_limiter': {
    '': words(
      'check_interval min_gc_interval_when_soft_limited min_gc_interval_when_hard_limited limit_mib spike_limit_mib limit_percentage spike_limit_percentage',
    ),
  },
  'processors/batch': {
    '': words('timeout send_batch_size send_batch_max_size metadata_keys metadata_cardinality_limit'),
  },
  'processors/resource': { '': ['attributes'] },
  'exporters/otlp_http': {
    '': [
      ...HTTP_CLIENT,
      ...words(
        'sending_queue retry_on_failure traces_endpoint metrics_endpoint logs_endpoint profiles_endpoint encoding',
      ),
    ],
  },
  'exporters/otlp_grpc': { '': [...GRPC_CLIENT, 'sending_queue', 'retry_on_failure'] },
  'exporters/file': {
    '': words(
      'path append rotation format encoding compression compression_params flush_interval group_by create_directory directory_permissions',
    ),
    rotation: words('max_megabytes max_days max_backups localtime'),
  },
  'exporters/debug': {
    '': words(
      'verbosity sampling_initial sampling_thereafter use_internal_logger output_paths sending_queue',
    ),
  },
  'exporters/prometheus': {
    '': [
      ...HTTP_SERVER,
      ...words(
        'sending_queue namespace const_labels send_timestamps metric_expiration resource_to_telemetry_conversion enable_open_metrics without_scope_info add_metric_suffixes translation_strategy',
      ),
    ],
  },
  'exporters/prometheus_remote_write': {
    '': [
      ...HTTP_CLIENT,
      ...words(
        'retry_on_failure namespace remote_write_queue external_labels max_batch_size_bytes max_batch_request_parallelism resource_to_telemetry_conversion wal target_info disable_scope_info add_metric_suffixes translation_strategy send_metadata protobuf_message',
      ),
    ],
    remote_write_queue: ['enabled', 'queue_size', 'num_consumers'],
  },
  'exporters/kafka': {
    '': [
      ...KAFKA_CLIENT,
      ...words(
        'timeout sending_queue retry_on_failure producer logs metrics traces profiles include_metadata_keys record_headers topic_from_attribute partition_traces_by_id partition_metrics_by_resource_attributes partition_logs_by_resource_attributes partition_logs_by_trace_id record_partitioner',
      ),
    ],
  },
  'connectors/forward': { '': [] },
  'connectors/span_metrics': {
    '': words(
      'dimensions calls_dimensions exclude_dimensions dimensions_cache_size resource_metrics_cache_size resource_metrics_key_attributes aggregation_temporality histogram metrics_flush_interval metrics_expiration series_expiration metric_timestamp_cache_size namespace exemplars events include_instrumentation_scope aggregation_cardinality_limit add_resource_attributes enable_metrics_sampling_method',
    ),
  },
  'extensions/health_check': { '': [...HTTP_SERVER, 'path', 'response_body', 'check_collector_pipeline'] },
  'extensions/file_storage': {
    '': words('directory timeout compaction fsync create_directory directory_permissions recreate'),
    compaction: words(
      'on_start on_rebound directory rebound_needed_threshold_mib rebound_trigger_threshold_mib max_transaction_size check_interval cleanup_on_start',
    ),
  },
  'extensions/bearertokenauth': { '': words('header scheme token tokens filename') },
};
/** Sections that mean the same in every exporter. */
const SHARED: Readonly<Record<string, readonly string[]>> = {
  sending_queue: QUEUE,
  'sending_queue.batch': BATCH,
  retry_on_failure: RETRY,
};
/** Settings that are gone, and what to write. Source: the Collector's changelog. */
const GONE: readonly { kind: string; path: string; message: string }[] = [
  { kind: 'exporters', path: 'batcher', message: 'was removed (0.130); write sending_queue.batch' },
  {
    kind: 'exporters',
    path: 'sending_queue.blocking',
    message: 'was removed (0.129); write block_on_overflow',
  },
  {
    kind: 'receivers',
    path: 'topic',
    message: 'was removed (0.141); name topics per signal, e.g. traces: {topics: [otlp_spans]}',
  },
];

/** Keys that a known component does not have, with the nearest one that it has; settings that are gone. */
export function checkKeys(merged: Located): ConfigFinding[] {
  const findings: ConfigFinding[] = [];
  for (const kind of ['receivers', 'processors', 'exporters', 'connectors', 'extensions']) {
    for (const [id, { value }] of entriesOf(at(merged, kind))) {
      const tables = { ...(kind === 'exporters' ? SHARED : {}), ...KEYS[`${kind}/${typeOf(id)}`] };
      const gone = GONE.filter((setting) => setting.kind === kind);
      for (const { path, message } of gone) {
        const found = entryAt(value, path.split('.'));
        if (found) findings.push({ ...found.key, severity: 'error', path: `${kind}.${id}.${path}`, message });
      }
      for (const [inner, known] of Object.entries(tables)) {
        const section = inner === '' ? value : at(value, ...inner.split('.'));
        for (const [name, { key }] of entriesOf(section)) {
          const path = inner === '' ? name : `${inner}.${name}`;
          if (known.includes(name) || gone.some((setting) => setting.path === path)) continue;
          const meant = nearest(name, known);
          findings.push({
            ...key,
            severity: 'error',
            path: `${kind}.${id}.${path}`,
            message: `unknown key${meant ? `; did you mean ${meant}?` : known.length > 0 ? `; known here: ${known.join(', ')}` : '; it has none'}`,
          });
        }
      }
    }
  }
  const address = entryAt(merged, ['service', 'telemetry', 'metrics', 'address']);
  if (address)
    findings.push({
      ...address.key,
      severity: 'error',
      path: 'service.telemetry.metrics.address',
      message: 'was removed (0.123); write readers: [{pull: {exporter: {prometheus: {host, port}}}}]',
    });
  return findings;
}

function entryAt(value: Located, path: readonly string[]) {
  const parent = at(value, ...path.slice(0, -1));
  return parent?.kind === 'map' ? parent.entries.get(path.at(-1) ?? '') : undefined;
}
