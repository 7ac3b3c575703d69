/**
 * Every metric that the package emits: name, kind, unit, help, buckets. One table, read by the recorders, the
 * hub, the docs and the tests.
 *
 * Sources: OpenTelemetry semantic conventions 1.41 for `gen_ai.*`, `http.*`, `system.*`, `process.*`,
 * `nodejs.*`, `v8js.*`; `llm.*` is ours. Load average has no convention: the name is the one of the Collector's
 * host metrics receiver.
 */
export type MetricKind = 'counter' | 'updowncounter' | 'gauge' | 'histogram';

export interface MetricDefinition {
  readonly name: string;
  readonly kind: MetricKind;
  /** UCUM unit. */
  readonly unit: string;
  readonly description: string;
  /** Histograms: upper bounds of the explicit buckets, ascending. */
  readonly buckets?: readonly number[];
}

/** Durations of `gen_ai.*` requests, in seconds (convention). */
export const DURATION_BUCKETS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
] as const;
/** Time to first token, in seconds (convention). */
export const TTFT_BUCKETS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
] as const;
/** Time per output token, in seconds (convention, with two bounds below its first for fast decoders). */
export const TPOT_BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5,
] as const;
/** HTTP durations, in seconds (convention). */
export const HTTP_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
] as const;
/** Step times: from tiny models on a CPU (1 ms) to large ones (minutes), in seconds. */
export const STEP_BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250,
] as const;
/** Garbage collection, in seconds (convention). */
export const GC_BUCKETS = [0.01, 0.1, 1, 10] as const;

const histogram = (
  name: string,
  unit: string,
  description: string,
  buckets: readonly number[],
): MetricDefinition => ({ name, kind: 'histogram', unit, description, buckets });
const counter = (name: string, unit: string, description: string): MetricDefinition => ({
  name,
  kind: 'counter',
  unit,
  description,
});
const updown = (name: string, unit: string, description: string): MetricDefinition => ({
  name,
  kind: 'updowncounter',
  unit,
  description,
});
const gauge = (name: string, unit: string, description: string): MetricDefinition => ({
  name,
  kind: 'gauge',
  unit,
  description,
});

const BASE = {
  // serving
  requestDuration: histogram(
    'gen_ai.server.request.duration',
    's',
    'Duration of a generation, to its last byte; errors included',
    DURATION_BUCKETS,
  ),
  timeToFirstToken: histogram(
    'gen_ai.server.time_to_first_token',
    's',
    'Request received to first content, reasoning or tool-call delta; successful requests',
    TTFT_BUCKETS,
  ),
  timePerOutputToken: histogram(
    'gen_ai.server.time_per_output_token',
    's',
    '(duration - time to first token) / (output tokens - 1); successful requests',
    TPOT_BUCKETS,
  ),
  timeToFirstByte: histogram(
    'llm.serving.time_to_first_byte',
    's',
    'Request received to first byte of the reply body',
    TTFT_BUCKETS,
  ),
  interChunkDuration: histogram(
    'llm.serving.inter_chunk.duration',
    's',
    'Time between two chunks of a streamed reply; a chunk may hold several tokens',
    TPOT_BUCKETS,
  ),
  queueDuration: histogram(
    'llm.serving.queue.duration',
    's',
    'Time a request waited before the model took it',
    TTFT_BUCKETS,
  ),
  activeRequests: updown('llm.serving.active_requests', '{request}', 'Generations under way'),
  awaitingFirstToken: updown(
    'llm.serving.awaiting_first_token',
    '{request}',
    'Generations under way that have not produced a token',
  ),
  servingRequests: counter('llm.serving.requests', '{request}', 'Generations by outcome'),
  servingTokens: counter('llm.serving.tokens', '{token}', 'Tokens by type'),
  sloRequests: counter(
    'llm.serving.slo.requests',
    '{request}',
    'Generations, by whether every configured objective was met',
  ),
  abandonedRequests: counter(
    'llm.serving.abandoned',
    '{request}',
    'Generations closed by the deadline since nobody ended them',
  ),
  httpRequestDuration: histogram(
    'http.server.request.duration',
    's',
    'Duration of HTTP server requests',
    HTTP_BUCKETS,
  ),
  httpActiveRequests: updown('http.server.active_requests', '{request}', 'HTTP server requests under way'),

  // training
  stepDuration: histogram('llm.training.step.duration', 's', 'Duration of a training step', STEP_BUCKETS),
  trainingTokens: counter('llm.training.tokens', '{token}', 'Tokens trained on'),
  trainingSamples: counter('llm.training.samples', '{sample}', 'Samples trained on'),
  trainingSteps: counter('llm.training.steps', '{step}', 'Training steps'),

  // host
  systemCpuTime: counter('system.cpu.time', 's', 'CPU time by mode, all CPUs'),
  systemCpuUtilization: gauge('system.cpu.utilization', '1', 'Share of all CPUs by mode'),
  systemCpuCount: updown('system.cpu.logical.count', '{cpu}', 'Logical CPUs'),
  loadAverage1m: gauge('system.cpu.load_average.1m', '{thread}', 'Load average over 1 minute'),
  loadAverage5m: gauge('system.cpu.load_average.5m', '{thread}', 'Load average over 5 minutes'),
  loadAverage15m: gauge('system.cpu.load_average.15m', '{thread}', 'Load average over 15 minutes'),
  memoryUsage: updown('system.memory.usage', 'By', 'Memory by state'),
  memoryLimit: updown('system.memory.limit', 'By', 'Memory of the machine'),
  memoryUtilization: gauge('system.memory.utilization', '1', 'Share of the memory by state'),
  memoryAvailable: updown(
    'system.memory.linux.available',
    'By',
    'Memory that a new program could have without swapping',
  ),
  pagingUsage: updown('system.paging.usage', 'By', 'Swap by state'),
  pagingUtilization: gauge('system.paging.utilization', '1', 'Share of the swap by state'),
  pagingOperations: counter('system.paging.operations', '{operation}', 'Pages swapped in and out'),
  pagingFaults: counter('system.paging.faults', '{fault}', 'Page faults by type'),
  diskIo: counter('system.disk.io', 'By', 'Bytes read and written by disk'),
  diskOperations: counter('system.disk.operations', '{operation}', 'Reads and writes by disk'),
  diskIoTime: counter('system.disk.io_time', 's', 'Time a disk was busy'),
  filesystemUsage: updown('system.filesystem.usage', 'By', 'Space of a file system by state'),
  filesystemLimit: updown('system.filesystem.limit', 'By', 'Size of a file system'),
  filesystemUtilization: gauge('system.filesystem.utilization', '1', 'Share of a file system that is used'),
  networkIo: counter('system.network.io', 'By', 'Bytes received and sent by interface'),
  networkPackets: counter('system.network.packet.count', '{packet}', 'Packets by interface'),
  networkErrors: counter('system.network.errors', '{error}', 'Errors by interface'),
  networkDropped: counter('system.network.packet.dropped', '{packet}', 'Dropped packets by interface'),
  processCount: updown('system.process.count', '{process}', 'Processes on the machine'),
  systemUptime: gauge('system.uptime', 's', 'Time since the machine started'),

  // this process
  processCpuTime: counter('process.cpu.time', 's', 'CPU time of the process by mode'),
  processCpuUtilization: gauge(
    'process.cpu.utilization',
    '1',
    'CPU time of the process / elapsed time / logical CPUs',
  ),
  processMemoryUsage: updown('process.memory.usage', 'By', 'Resident memory of the process'),
  processMemoryVirtual: updown('process.memory.virtual', 'By', 'Virtual memory of the process'),
  processDiskIo: counter('process.disk.io', 'By', 'Bytes the process read from and wrote to disks'),
  processThreads: updown('process.thread.count', '{thread}', 'Threads of the process'),
  processOpenFiles: updown(
    'process.unix.file_descriptor.count',
    '{file_descriptor}',
    'Open file descriptors',
  ),
  processContextSwitches: counter(
    'process.context_switches',
    '{context_switch}',
    'Context switches of the process',
  ),
  processPagingFaults: counter('process.paging.faults', '{fault}', 'Page faults of the process'),
  processUptime: gauge('process.uptime', 's', 'Time since the process started'),
  processChildren: updown(
    'llm.process.children',
    '{process}',
    'Processes that the process has started, with those that they have started',
  ),

  // the machine's further sides
  pressureTime: counter(
    'system.linux.pressure.time',
    's',
    'Time in which some or all tasks waited for a resource (PSI)',
  ),
  numaMemoryUsage: updown('system.linux.numa.memory.usage', 'By', 'Memory of a NUMA node by state'),
  numaMemoryLimit: updown('system.linux.numa.memory.limit', 'By', 'Memory of a NUMA node'),
  hwNetworkIo: counter('hw.network.io', 'By', 'Bytes received and sent by an InfiniBand port'),
  hwNetworkPackets: counter('hw.network.packets', '{packet}', 'Packets of an InfiniBand port'),
  hwNetworkUp: gauge('hw.network.up', '1', 'Whether an InfiniBand port is active'),
  hwNetworkBandwidthLimit: updown('hw.network.bandwidth.limit', 'By/s', 'Speed of an InfiniBand port'),

  // the container (cgroup) of the process
  containerCpuTime: counter('container.cpu.time', 's', 'CPU time of the container by mode'),
  containerCpuUsage: gauge('container.cpu.usage', '{cpu}', 'CPUs that the container keeps busy'),
  containerCpuLimit: updown('container.cpu.limit', '{cpu}', 'CPUs that the container may have'),
  containerCpuUtilization: gauge('container.cpu.utilization', '1', 'CPU usage / CPU limit of the container'),
  containerThrottledTime: counter(
    'container.cpu.throttling.time',
    's',
    'Time the container was held back by its CPU limit',
  ),
  containerThrottledPeriods: counter(
    'container.cpu.throttling.periods',
    '{period}',
    'Periods in which the container was held back by its CPU limit',
  ),
  containerMemoryUsage: updown(
    'container.memory.usage',
    'By',
    'Memory of the container, page cache included',
  ),
  containerMemoryWorkingSet: updown(
    'container.memory.working_set',
    'By',
    'Memory of the container without the page cache that can be given back at once',
  ),
  containerMemoryRss: updown('container.memory.rss', 'By', 'Anonymous memory of the container'),
  containerMemoryLimit: updown('container.memory.limit', 'By', 'Memory that the container may have'),
  containerMemoryAvailable: updown('container.memory.available', 'By', 'Memory limit - working set'),
  containerMemoryUtilization: gauge(
    'container.memory.utilization',
    '1',
    'Working set / memory limit of the container',
  ),
  containerOomKills: counter(
    'container.memory.oom_kills',
    '{event}',
    'Processes of the container that were killed for want of memory',
  ),
  containerPressureTime: counter(
    'container.pressure.time',
    's',
    'Time in which some or all tasks of the container waited for a resource (PSI)',
  ),

  // GPUs
  gpuUtilization: gauge(
    'hw.gpu.utilization',
    '1',
    'Share of time in which a kernel (or the encoder, the decoder) was running; not efficiency',
  ),
  gpuMemoryUsage: updown('hw.gpu.memory.usage', 'By', 'GPU memory in use'),
  gpuMemoryLimit: updown('hw.gpu.memory.limit', 'By', 'GPU memory'),
  gpuMemoryUtilization: gauge('hw.gpu.memory.utilization', '1', 'GPU memory used / size'),
  gpuMemoryController: gauge(
    'hw.gpu.memory.controller.utilization',
    '1',
    'Share of time in which GPU memory was read or written',
  ),
  gpuSpeed: gauge('hw.gpu.speed', 'Hz', 'Clock of the GPU by domain'),
  gpuThrottled: gauge('hw.gpu.throttled', '1', 'Whether the clocks are held down, by reason'),
  gpuIo: counter('hw.gpu.io', 'By', 'Bytes over PCIe'),
  gpuInterconnectIo: counter('hw.gpu.interconnect.io', 'By', 'Bytes over NVLink, all links'),
  gpuRemappedRows: updown('hw.gpu.memory.remapped_rows', '{row}', 'Rows of GPU memory that were replaced'),
  gpuProcessMemory: updown('process.gpu.memory.usage', 'By', 'GPU memory of a process'),
  hwTemperature: gauge('hw.temperature', 'Cel', 'Temperature by sensor'),
  hwPower: gauge('hw.power', 'W', 'Power draw'),
  hwPowerLimit: gauge('hw.power.limit', 'W', 'Power limit in force'),
  hwEnergy: counter('hw.energy', 'J', 'Energy since the observer started'),
  hwFanSpeed: gauge('hw.fan.speed', 'rpm', 'Speed of the fan'),
  hwFanSpeedRatio: gauge('hw.fan.speed_ratio', '1', 'Speed of the fan as a share of its highest'),
  hwErrors: counter('hw.errors', '{error}', 'Errors of a device by type: ECC, XID, link'),
  hwStatus: updown('hw.status', '1', 'State of a device: 1 for the one that it is in'),

  // Node and V8
  eventloopDelayMin: gauge('nodejs.eventloop.delay.min', 's', 'Event loop delay, minimum of the interval'),
  eventloopDelayMax: gauge('nodejs.eventloop.delay.max', 's', 'Event loop delay, maximum of the interval'),
  eventloopDelayMean: gauge('nodejs.eventloop.delay.mean', 's', 'Event loop delay, mean of the interval'),
  eventloopDelayStddev: gauge('nodejs.eventloop.delay.stddev', 's', 'Event loop delay, standard deviation'),
  eventloopDelayP50: gauge('nodejs.eventloop.delay.p50', 's', 'Event loop delay, 50th percentile'),
  eventloopDelayP90: gauge('nodejs.eventloop.delay.p90', 's', 'Event loop delay, 90th percentile'),
  eventloopDelayP99: gauge('nodejs.eventloop.delay.p99', 's', 'Event loop delay, 99th percentile'),
  eventloopUtilization: gauge('nodejs.eventloop.utilization', '1', 'Share of time the event loop was busy'),
  eventloopTime: counter('nodejs.eventloop.time', 's', 'Time of the event loop by state'),
  gcDuration: histogram('v8js.gc.duration', 's', 'Garbage collection by type', GC_BUCKETS),
  heapUsed: updown('v8js.memory.heap.used', 'By', 'Heap in use by space'),
  heapSpaceSize: updown('v8js.memory.heap.space.size', 'By', 'Heap size by space'),
  heapAvailable: updown('v8js.memory.heap.space.available_size', 'By', 'Heap available by space'),
  heapPhysical: updown('v8js.memory.heap.space.physical_size', 'By', 'Physical heap size by space'),

  // the package about itself
  droppedItems: counter(
    'llm_otel.dropped',
    '{item}',
    'Spans, log records, points or run events that were given up, by reason',
  ),
  eventsPending: updown('llm_otel.events.pending', '{record}', 'Run events not yet accepted by the receiver'),
  observerUp: gauge(
    'llm_otel.observer.up',
    '1',
    'Whether an observer gets readings; 0 with the reason when it does not',
  ),
} as const satisfies Record<string, MetricDefinition>;

/** What is sampled more often than it is exported also has these of the time since the last export, so that no spike is missed. */
export const STATISTICS = ['min', 'mean', 'max'] as const;
export type Statistic = (typeof STATISTICS)[number];

const SAMPLED = [
  'systemCpuUtilization',
  'memoryUtilization',
  'processCpuUtilization',
  'processMemoryUsage',
  'containerCpuUsage',
  'containerMemoryWorkingSet',
  'gpuUtilization',
  'gpuMemoryUsage',
  'gpuMemoryController',
  'hwTemperature',
  'hwPower',
] as const satisfies readonly (keyof typeof BASE)[];
type StatisticKey = `${(typeof SAMPLED)[number]}${Capitalize<Statistic>}`;

const statisticMetrics = Object.fromEntries(
  SAMPLED.flatMap((key) =>
    STATISTICS.map((statistic) => {
      const { name, unit, description } = BASE[key];
      const text = `${description}: ${statistic} of the samples since the last export`;
      return [
        `${key}${statistic.charAt(0).toUpperCase()}${statistic.slice(1)}`,
        gauge(`${name}.${statistic}`, unit, text),
      ];
    }),
  ),
) as Record<StatisticKey, MetricDefinition>;

export const METRIC = { ...BASE, ...statisticMetrics };

/** The gauges of minimum, mean and maximum beside a metric that has them. */
export const STATISTICS_OF: ReadonlyMap<
  MetricDefinition,
  Readonly<Record<Statistic, MetricDefinition>>
> = new Map(
  SAMPLED.map((key) => [
    METRIC[key],
    { min: METRIC[`${key}Min`], mean: METRIC[`${key}Mean`], max: METRIC[`${key}Max`] },
  ]),
);
