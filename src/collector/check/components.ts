/** Kinds of components, as sections of a configuration name them. */
export const KINDS = ['receivers', 'processors', 'exporters', 'connectors', 'extensions'] as const;
export type Kind = (typeof KINDS)[number];

/** Types of our own distribution (`collector-config/distribution/components.go`; a test compares). */
export const OWN_COMPONENTS: Readonly<Record<Kind, readonly string[]>> = {
  receivers: ['otlp', 'kafka'],
  processors: ['memory_limiter', 'batch', 'resource', 'transform', 'filter'],
  exporters: [
    'nop',
    'otlp_http',
    'otlp_grpc',
    'debug',
    'file',
    'prometheus',
    'prometheus_remote_write',
    'kafka',
  ],
  connectors: ['forward', 'span_metrics'],
  extensions: ['health_check', 'file_storage', 'bearertokenauth'],
};

/** Types that the official contrib distribution has beside ours: usable with that one. Source: its manifest, the ones that people use with LLM telemetry. */
export const CONTRIB_COMPONENTS: Readonly<Record<Kind, readonly string[]>> = {
  receivers: [
    'host_metrics',
    'prometheus',
    'file_log',
    'otlpjsonfile',
    'k8s_cluster',
    'kubeletstats',
    'jaeger',
    'zipkin',
    'statsd',
    'redis',
    'postgresql',
    'mysql',
    'nginx',
    'docker_stats',
    'http_check',
    'nop',
  ],
  processors: [
    'attributes',
    'resource_detection',
    'k8s_attributes',
    'probabilistic_sampler',
    'tail_sampling',
    'cumulativetodelta',
    'deltatocumulative',
    'interval',
    'group_by_attrs',
    'redaction',
    'span',
    'metrics_transform',
    'metric_start_time',
  ],
  exporters: [
    'clickhouse',
    'load_balancing',
    'elasticsearch',
    'opensearch',
    'datadog',
    'splunk_hec',
    'awsxray',
    'awsemf',
    'awss3',
    'googlecloud',
    'azuremonitor',
    'azure_data_explorer',
    'zipkin',
    'pulsar',
    'rabbitmq',
    'loki',
    'honeycombmarker',
    'coralogix',
    'sentry',
    'influxdb',
  ],
  connectors: [
    'count',
    'failover',
    'routing',
    'round_robin',
    'service_graph',
    'signal_to_metrics',
    'exceptions',
    'sum',
  ],
  extensions: [
    'pprof',
    'zpages',
    'basicauth',
    'headers_setter',
    'oauth2client',
    'oidc',
    'sigv4auth',
    'db_storage',
    'healthcheckv2',
    'k8s_observer',
    'memory_limiter',
  ],
};

/** Names that are on their way out. Source: changelogs of the Collector and of contrib (2026). */
export const RENAMED: Readonly<Record<Kind, Readonly<Record<string, string>>>> = {
  receivers: { hostmetrics: 'host_metrics', httpcheck: 'http_check', filelog: 'file_log' },
  processors: {
    resourcedetection: 'resource_detection',
    k8sattributes: 'k8s_attributes',
    groupbyattrs: 'group_by_attrs',
    metricstransform: 'metrics_transform',
    metricstarttime: 'metric_start_time',
  },
  exporters: {
    otlphttp: 'otlp_http',
    otlp: 'otlp_grpc',
    prometheusremotewrite: 'prometheus_remote_write',
    loadbalancing: 'load_balancing',
    azuredataexplorer: 'azure_data_explorer',
  },
  connectors: {
    spanmetrics: 'span_metrics',
    servicegraph: 'service_graph',
    signaltometrics: 'signal_to_metrics',
    roundrobin: 'round_robin',
  },
  extensions: { headerssetter: 'headers_setter' },
};

/** Names that are gone, and what to use. */
export const REMOVED: Readonly<Record<Kind, Readonly<Record<string, string>>>> = {
  receivers: { opencensus: 'otlp' },
  processors: {},
  exporters: { logging: 'debug', jaeger: 'otlp_grpc (Jaeger takes OTLP)', opencensus: 'otlp_grpc' },
  connectors: {},
  extensions: { memory_ballast: 'the variable GOMEMLIMIT', ballast: 'the variable GOMEMLIMIT' },
};

/** `otlp_http/hub` → `otlp_http`. */
export function typeOf(id: string): string {
  const slash = id.indexOf('/');
  return slash < 0 ? id : id.slice(0, slash);
}
