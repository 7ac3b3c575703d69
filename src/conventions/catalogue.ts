import { ATTR } from './attributes.ts';
import { METRIC } from './metrics.ts';

/**
 * The one table that joins a user-facing key (`train/loss`, `api/tokens_per_second`, `gpu_0/memory_utilization`)
 * to where its value comes from, its unit, its better direction and one line of help. Tiles, chart titles, alert
 * rules, tracker keys, reports, the Prometheus export and the docs table read it.
 */
export type Direction = 'lower' | 'higher' | 'none';

type Attributes = Readonly<Record<string, string>>;

/** Where a key's value comes from. Attribute filters are exact matches; several series that match are joined as `join` says. */
export type CatalogueSource =
  /** A column of a run's step events, by its key; `metric` is the gauge beside it for metric back ends. */
  | { readonly from: 'run'; readonly metric: string }
  /** Last value of a gauge or up-down counter. */
  | {
      readonly from: 'value';
      readonly metric: string;
      readonly where?: Attributes;
      readonly join?: 'sum' | 'max' | 'mean';
      /** Take 1 - value (idle share to busy share), before `scale`. */
      readonly invert?: boolean;
      readonly scale?: number;
    }
  /** Increase per second of a counter (or of a histogram's count). */
  | { readonly from: 'rate'; readonly metric: string; readonly where?: Attributes; readonly scale?: number }
  /** Increase of one counter / increase of another over the window. */
  | {
      readonly from: 'ratio';
      readonly metric: string;
      readonly where: Attributes;
      readonly of: string;
      readonly ofWhere?: Attributes;
    }
  /** Quantile (0-1) of a histogram over the window. */
  | {
      readonly from: 'quantile';
      readonly metric: string;
      readonly q: number;
      readonly where?: Attributes;
      readonly scale?: number;
    }
  /** Sum / count of a histogram over the window. */
  | { readonly from: 'mean'; readonly metric: string; readonly where?: Attributes; readonly scale?: number };

export interface CatalogueEntry {
  /** The key, or a pattern with `{index}` for a GPU's index. */
  readonly key: string;
  readonly title: string;
  /** UCUM unit; `1` for shares and plain numbers. */
  readonly unit: string;
  readonly better: Direction;
  readonly help: string;
  readonly source: CatalogueSource;
}

const run = (
  key: string,
  title: string,
  unit: string,
  better: Direction,
  help: string,
  metric: string,
): CatalogueEntry => ({
  key,
  title,
  unit,
  better,
  help,
  source: { from: 'run', metric },
});
const entry = (
  key: string,
  title: string,
  unit: string,
  better: Direction,
  help: string,
  source: CatalogueSource,
): CatalogueEntry => ({
  key,
  title,
  unit,
  better,
  help,
  source,
});

const GIB = 1 / 1024 ** 3;
const gpu = { [ATTR.gpuIndex]: '{index}' };

export const CATALOGUE: readonly CatalogueEntry[] = [
  // training
  run('train/loss', 'Training loss', '1', 'lower', 'Loss of a training step', 'llm.training.loss'),
  run(
    'train/perplexity',
    'Training perplexity',
    '1',
    'lower',
    'exp(loss); derived when not given',
    'llm.training.perplexity',
  ),
  run(
    'train/learning_rate',
    'Learning rate',
    '1',
    'none',
    'Learning rate of the step',
    'llm.training.learning_rate',
  ),
  run(
    'train/grad_norm',
    'Gradient norm',
    '1',
    'none',
    'Global norm of the gradients before clipping',
    'llm.training.grad_norm',
  ),
  run(
    'train/step_time',
    'Step time',
    's',
    'lower',
    'Wall time of the step; derived from the previous step when not given',
    'llm.training.step_time',
  ),
  run(
    'train/tokens_per_second',
    'Training tokens/s',
    '{token}/s',
    'higher',
    'Tokens of the step / step time',
    'llm.training.tokens_per_second',
  ),
  run(
    'train/samples_per_second',
    'Training samples/s',
    '{sample}/s',
    'higher',
    'Samples of the step / step time',
    'llm.training.samples_per_second',
  ),
  run(
    'train/tokens',
    'Tokens trained on',
    '{token}',
    'none',
    'Tokens since the start of the run',
    'llm.training.tokens_total',
  ),
  run('train/epoch', 'Epoch', '1', 'none', 'Epoch, with its fraction', 'llm.training.epoch'),
  run(
    'train/gpu_memory_used',
    'GPU memory of training',
    'By',
    'none',
    'GPU memory that the training program reports',
    'llm.training.gpu_memory_used',
  ),
  run('val/loss', 'Validation loss', '1', 'lower', 'Loss on held-out data', 'llm.training.validation.loss'),
  run(
    'val/perplexity',
    'Validation perplexity',
    '1',
    'lower',
    'exp(validation loss); derived when not given',
    'llm.training.validation.perplexity',
  ),
  run(
    'val/accuracy',
    'Validation accuracy',
    '1',
    'higher',
    'Accuracy on held-out data',
    'llm.training.validation.accuracy',
  ),
  run(
    'val/bleu_score',
    'Validation BLEU',
    '1',
    'higher',
    'BLEU on held-out data',
    'llm.training.validation.bleu_score',
  ),
  run(
    'dpo/chosen_reward_mean',
    'Chosen reward',
    '1',
    'higher',
    'Mean reward of the chosen replies',
    'llm.training.dpo.chosen_reward_mean',
  ),
  run(
    'dpo/rejected_reward_mean',
    'Rejected reward',
    '1',
    'lower',
    'Mean reward of the rejected replies',
    'llm.training.dpo.rejected_reward_mean',
  ),
  run(
    'dpo/reward_margin',
    'Reward margin',
    '1',
    'higher',
    'Mean chosen reward - mean rejected reward',
    'llm.training.dpo.reward_margin',
  ),
  run(
    'dpo/reward_accuracy',
    'Reward accuracy',
    '1',
    'higher',
    'Share of pairs in which the chosen reply has the higher reward',
    'llm.training.dpo.reward_accuracy',
  ),
  run(
    'dpo/chosen_reward_std',
    'Chosen reward spread',
    '1',
    'none',
    'Standard deviation of the chosen rewards',
    'llm.training.dpo.chosen_reward_std',
  ),
  run(
    'dpo/rejected_reward_std',
    'Rejected reward spread',
    '1',
    'none',
    'Standard deviation of the rejected rewards',
    'llm.training.dpo.rejected_reward_std',
  ),
  run(
    'lora/total_parameters',
    'Parameters',
    '{parameter}',
    'none',
    'Parameters of the model',
    'llm.training.lora.total_parameters',
  ),
  run(
    'lora/trainable_parameters',
    'Trainable parameters',
    '{parameter}',
    'none',
    'Parameters that are trained',
    'llm.training.lora.trainable_parameters',
  ),
  run(
    'lora/trainable_percentage',
    'Trainable share',
    '%',
    'none',
    '100 x trainable / total',
    'llm.training.lora.trainable_percentage',
  ),
  run(
    'lora/parameter_efficiency',
    'Parameter efficiency',
    '1',
    'none',
    'total / trainable',
    'llm.training.lora.parameter_efficiency',
  ),

  // serving
  entry(
    'api/requests_per_second',
    'Requests/s',
    '{request}/s',
    'none',
    'Generations per second, whatever their outcome',
    { from: 'rate', metric: METRIC.servingRequests.name },
  ),
  entry(
    'api/tokens_per_second',
    'Output tokens/s',
    '{token}/s',
    'higher',
    'Output tokens of all generations per second',
    { from: 'rate', metric: METRIC.servingTokens.name, where: { [ATTR.tokenType]: 'output' } },
  ),
  entry(
    'api/input_tokens_per_second',
    'Input tokens/s',
    '{token}/s',
    'none',
    'Input tokens of all generations per second',
    { from: 'rate', metric: METRIC.servingTokens.name, where: { [ATTR.tokenType]: 'input' } },
  ),
  entry('api/error_rate', 'Error rate', '1', 'lower', 'Share of generations that ended in an error', {
    from: 'ratio',
    metric: METRIC.servingRequests.name,
    where: { [ATTR.outcome]: 'error' },
    of: METRIC.servingRequests.name,
  }),
  entry('api/abort_rate', 'Abort rate', '1', 'lower', 'Share of generations that the client gave up', {
    from: 'ratio',
    metric: METRIC.servingRequests.name,
    where: { [ATTR.outcome]: 'aborted' },
    of: METRIC.servingRequests.name,
  }),
  entry(
    'api/goodput_ratio',
    'Goodput share',
    '1',
    'higher',
    'Share of generations that met every configured objective',
    {
      from: 'ratio',
      metric: METRIC.sloRequests.name,
      where: { [ATTR.sloMet]: 'true' },
      of: METRIC.sloRequests.name,
    },
  ),
  entry(
    'api/time_to_first_token',
    'TTFT p95',
    's',
    'lower',
    'Time to first token, 95th percentile of the window',
    { from: 'quantile', metric: METRIC.timeToFirstToken.name, q: 0.95 },
  ),
  entry(
    'api/time_to_first_token_p50',
    'TTFT p50',
    's',
    'lower',
    'Time to first token, median of the window',
    { from: 'quantile', metric: METRIC.timeToFirstToken.name, q: 0.5 },
  ),
  entry(
    'api/time_to_first_token_p99',
    'TTFT p99',
    's',
    'lower',
    'Time to first token, 99th percentile of the window',
    { from: 'quantile', metric: METRIC.timeToFirstToken.name, q: 0.99 },
  ),
  entry(
    'api/time_per_output_token',
    'TPOT p95',
    's',
    'lower',
    'Time per output token after the first, 95th percentile of the window',
    { from: 'quantile', metric: METRIC.timePerOutputToken.name, q: 0.95 },
  ),
  entry(
    'api/request_duration',
    'Request duration p95',
    's',
    'lower',
    'Duration of a generation, 95th percentile of the window',
    { from: 'quantile', metric: METRIC.requestDuration.name, q: 0.95 },
  ),
  entry(
    'api/request_duration_mean',
    'Request duration',
    's',
    'lower',
    'Mean duration of a generation over the window',
    { from: 'mean', metric: METRIC.requestDuration.name },
  ),
  entry(
    'api/queue_time',
    'Queue time p95',
    's',
    'lower',
    'Time a request waited, 95th percentile of the window',
    { from: 'quantile', metric: METRIC.queueDuration.name, q: 0.95 },
  ),
  entry('api/active_requests', 'Active requests', '{request}', 'none', 'Generations under way', {
    from: 'value',
    metric: METRIC.activeRequests.name,
    join: 'sum',
  }),
  entry(
    'api/awaiting_first_token',
    'Awaiting first token',
    '{request}',
    'lower',
    'Generations that have not produced a token',
    { from: 'value', metric: METRIC.awaitingFirstToken.name, join: 'sum' },
  ),
  entry('http/requests_per_second', 'HTTP requests/s', '{request}/s', 'none', 'HTTP requests per second', {
    from: 'rate',
    metric: METRIC.httpRequestDuration.name,
  }),
  entry(
    'http/request_duration',
    'HTTP duration p95',
    's',
    'lower',
    'HTTP request duration, 95th percentile of the window',
    { from: 'quantile', metric: METRIC.httpRequestDuration.name, q: 0.95 },
  ),

  // GPUs
  entry(
    'gpu_{index}/gpu_utilization',
    'GPU {index} utilization',
    '1',
    'higher',
    'Share of time in which a kernel was running on the GPU; not efficiency',
    { from: 'value', metric: METRIC.gpuUtilization.name, where: { ...gpu, [ATTR.gpuTask]: 'general' } },
  ),
  entry('gpu_{index}/memory_utilization', 'GPU {index} memory share', '1', 'none', 'GPU memory used / size', {
    from: 'value',
    metric: METRIC.gpuMemoryUtilization.name,
    where: gpu,
  }),
  entry('gpu_{index}/memory_used_gb', 'GPU {index} memory used', 'GiBy', 'none', 'GPU memory in use', {
    from: 'value',
    metric: METRIC.gpuMemoryUsage.name,
    where: gpu,
    scale: GIB,
  }),
  entry('gpu_{index}/memory_total_gb', 'GPU {index} memory', 'GiBy', 'none', 'GPU memory size', {
    from: 'value',
    metric: METRIC.gpuMemoryLimit.name,
    where: gpu,
    scale: GIB,
  }),
  entry('gpu_{index}/temperature', 'GPU {index} temperature', 'Cel', 'lower', 'Temperature of the GPU', {
    from: 'value',
    metric: METRIC.hwTemperature.name,
    // Not that of its memory, which is hotter: what nvidia-smi shows.
    where: { ...gpu, [ATTR.hwSensorLocation]: 'gpu' },
    join: 'max',
  }),
  entry('gpu_{index}/power_usage', 'GPU {index} power', 'W', 'lower', 'Power draw of the GPU', {
    from: 'value',
    metric: METRIC.hwPower.name,
    where: gpu,
  }),

  entry(
    'gpu_{index}/gpu_utilization_max',
    'GPU {index} utilization, highest',
    '1',
    'higher',
    'Highest sample of the GPU utilization since the last export',
    {
      from: 'value',
      metric: METRIC.gpuUtilizationMax.name,
      where: { ...gpu, [ATTR.gpuTask]: 'general' },
      join: 'max',
    },
  ),
  entry(
    'gpu_{index}/memory_used_max_gb',
    'GPU {index} memory used, highest',
    'GiBy',
    'none',
    'Highest sample of the GPU memory in use since the last export',
    { from: 'value', metric: METRIC.gpuMemoryUsageMax.name, where: gpu, join: 'max', scale: GIB },
  ),
  entry(
    'gpu_{index}/memory_controller_utilization',
    'GPU {index} memory controller',
    '1',
    'none',
    'Share of time in which GPU memory was read or written',
    { from: 'value', metric: METRIC.gpuMemoryController.name, where: gpu },
  ),
  entry(
    'gpu_{index}/temperature_max',
    'GPU {index} temperature, highest',
    'Cel',
    'lower',
    'Highest sample of the temperature since the last export',
    {
      from: 'value',
      metric: METRIC.hwTemperatureMax.name,
      where: { ...gpu, [ATTR.hwSensorLocation]: 'gpu' },
      join: 'max',
    },
  ),
  entry(
    'gpu_{index}/power_usage_max',
    'GPU {index} power, highest',
    'W',
    'lower',
    'Highest sample of the power draw since the last export',
    { from: 'value', metric: METRIC.hwPowerMax.name, where: gpu, join: 'max' },
  ),
  entry('gpu_{index}/power_limit', 'GPU {index} power limit', 'W', 'none', 'Power limit in force', {
    from: 'value',
    metric: METRIC.hwPowerLimit.name,
    where: gpu,
  }),
  entry(
    'gpu_{index}/sm_clock',
    'GPU {index} SM clock',
    'Hz',
    'higher',
    'Clock of the streaming multiprocessors',
    { from: 'value', metric: METRIC.gpuSpeed.name, where: { ...gpu, [ATTR.gpuClockDomain]: 'sm' } },
  ),
  entry(
    'gpu_{index}/throttled',
    'GPU {index} throttled',
    '1',
    'lower',
    '1 while heat or power holds the clocks down',
    { from: 'value', metric: METRIC.gpuThrottled.name, where: gpu, join: 'max' },
  ),
  entry('gpu_{index}/failed', 'GPU {index} failed', '1', 'lower', '1 when the driver has lost the GPU', {
    from: 'value',
    metric: METRIC.hwStatus.name,
    where: { ...gpu, [ATTR.hwState]: 'failed' },
    join: 'max',
  }),
  entry(
    'gpu_{index}/ecc_errors',
    'GPU {index} memory errors/s',
    '{error}/s',
    'lower',
    'Uncorrected errors of GPU memory per second',
    { from: 'rate', metric: METRIC.hwErrors.name, where: { ...gpu, [ATTR.errorType]: 'uncorrected' } },
  ),
  entry('gpu/power_usage', 'GPU power', 'W', 'lower', 'Power draw of all GPUs', {
    from: 'value',
    metric: METRIC.hwPower.name,
    where: { [ATTR.hwType]: 'gpu' },
    join: 'sum',
  }),

  // energy, of all GPUs over the window
  entry('energy/joules_per_step', 'Energy per step', 'J', 'lower', 'GPU energy / training steps', {
    from: 'ratio',
    metric: METRIC.hwEnergy.name,
    where: { [ATTR.hwType]: 'gpu' },
    of: METRIC.trainingSteps.name,
  }),
  entry(
    'energy/joules_per_training_token',
    'Energy per training token',
    'J',
    'lower',
    'GPU energy / tokens trained on',
    {
      from: 'ratio',
      metric: METRIC.hwEnergy.name,
      where: { [ATTR.hwType]: 'gpu' },
      of: METRIC.trainingTokens.name,
    },
  ),
  entry(
    'energy/joules_per_output_token',
    'Energy per output token',
    'J',
    'lower',
    'GPU energy / tokens generated',
    {
      from: 'ratio',
      metric: METRIC.hwEnergy.name,
      where: { [ATTR.hwType]: 'gpu' },
      of: METRIC.servingTokens.name,
      ofWhere: { [ATTR.tokenType]: 'output' },
    },
  ),
  entry('energy/joules_per_request', 'Energy per request', 'J', 'lower', 'GPU energy / generations', {
    from: 'ratio',
    metric: METRIC.hwEnergy.name,
    where: { [ATTR.hwType]: 'gpu' },
    of: METRIC.servingRequests.name,
  }),

  // host
  entry('system/cpu_percent', 'CPU', '%', 'none', 'Share of all CPUs that is busy', {
    from: 'value',
    metric: METRIC.systemCpuUtilization.name,
    where: { [ATTR.cpuMode]: 'idle' },
    invert: true,
    join: 'mean',
    scale: 100,
  }),
  entry('system/load_average', 'Load average', '{thread}', 'none', 'Load average over 1 minute', {
    from: 'value',
    metric: METRIC.loadAverage1m.name,
    join: 'max',
  }),
  entry('system/memory_percent', 'Memory', '%', 'none', 'Share of the memory that is used', {
    from: 'value',
    metric: METRIC.memoryUtilization.name,
    where: { [ATTR.memoryState]: 'used' },
    join: 'mean',
    scale: 100,
  }),
  entry('system/memory_used_gb', 'Memory used', 'GiBy', 'none', 'Memory in use', {
    from: 'value',
    metric: METRIC.memoryUsage.name,
    where: { [ATTR.memoryState]: 'used' },
    join: 'mean',
    scale: GIB,
  }),
  entry(
    'system/memory_available_gb',
    'Memory available',
    'GiBy',
    'higher',
    'Memory that a new program could have',
    { from: 'value', metric: METRIC.memoryAvailable.name, join: 'mean', scale: GIB },
  ),
  entry('system/swap_percent', 'Swap', '%', 'lower', 'Share of the swap that is used', {
    from: 'value',
    metric: METRIC.pagingUtilization.name,
    where: { [ATTR.pagingState]: 'used' },
    join: 'mean',
    scale: 100,
  }),
  entry('system/disk_percent', 'Disk', '%', 'none', 'Share of the fullest file system that is used', {
    from: 'value',
    metric: METRIC.filesystemUtilization.name,
    join: 'max',
    scale: 100,
  }),
  entry(
    'system/disk_read_bytes_per_second',
    'Disk reads',
    'By/s',
    'none',
    'Bytes read from all disks per second',
    { from: 'rate', metric: METRIC.diskIo.name, where: { [ATTR.diskDirection]: 'read' } },
  ),
  entry(
    'system/disk_write_bytes_per_second',
    'Disk writes',
    'By/s',
    'none',
    'Bytes written to all disks per second',
    { from: 'rate', metric: METRIC.diskIo.name, where: { [ATTR.diskDirection]: 'write' } },
  ),
  entry(
    'system/network_receive_bytes_per_second',
    'Network in',
    'By/s',
    'none',
    'Bytes received per second',
    { from: 'rate', metric: METRIC.networkIo.name, where: { [ATTR.networkDirection]: 'receive' } },
  ),
  entry('system/network_transmit_bytes_per_second', 'Network out', 'By/s', 'none', 'Bytes sent per second', {
    from: 'rate',
    metric: METRIC.networkIo.name,
    where: { [ATTR.networkDirection]: 'transmit' },
  }),
  entry(
    'system/cpu_percent_max',
    'CPU, highest',
    '%',
    'none',
    'Highest sample of the busy share of all CPUs since the last export',
    {
      from: 'value',
      metric: METRIC.systemCpuUtilizationMin.name,
      where: { [ATTR.cpuMode]: 'idle' },
      invert: true,
      join: 'max',
      scale: 100,
    },
  ),
  entry('container/cpu_percent', 'Container CPU', '%', 'none', 'CPU usage / CPU limit of the container', {
    from: 'value',
    metric: METRIC.containerCpuUtilization.name,
    join: 'max',
    scale: 100,
  }),
  entry(
    'container/cpu_throttled_ratio',
    'Container CPU held back',
    's/s',
    'lower',
    'Seconds a second in which the container was held back by its CPU limit',
    { from: 'rate', metric: METRIC.containerThrottledTime.name },
  ),
  entry(
    'container/memory_percent',
    'Container memory',
    '%',
    'none',
    'Working set / memory limit of the container',
    { from: 'value', metric: METRIC.containerMemoryUtilization.name, join: 'max', scale: 100 },
  ),
  entry('container/memory_used_gb', 'Container memory used', 'GiBy', 'none', 'Working set of the container', {
    from: 'value',
    metric: METRIC.containerMemoryWorkingSet.name,
    join: 'max',
    scale: GIB,
  }),
  entry(
    'process/cpu_percent',
    'Process CPU',
    '%',
    'none',
    'CPU of the process and of those it started, as a share of all CPUs',
    { from: 'value', metric: METRIC.processCpuUtilization.name, join: 'sum', scale: 100 },
  ),
  entry(
    'process/memory_rss_gb',
    'Process memory',
    'GiBy',
    'none',
    'Resident memory of the process and of those it started',
    { from: 'value', metric: METRIC.processMemoryUsage.name, join: 'sum', scale: GIB },
  ),
  entry(
    'process/open_files',
    'Open files',
    '{file_descriptor}',
    'none',
    'Open file descriptors of the process and of those it started',
    { from: 'value', metric: METRIC.processOpenFiles.name, join: 'sum' },
  ),
  entry(
    'process/memory_rss_max_gb',
    'Process memory, highest',
    'GiBy',
    'none',
    'Highest sample of the resident memory since the last export',
    { from: 'value', metric: METRIC.processMemoryUsageMax.name, join: 'sum', scale: GIB },
  ),
  entry(
    'process/children',
    'Child processes',
    '{process}',
    'none',
    'Processes that the process has started (data-loader workers)',
    { from: 'value', metric: METRIC.processChildren.name, join: 'sum' },
  ),
  entry(
    'process/eventloop_delay',
    'Event loop delay p99',
    's',
    'lower',
    'Event loop delay of the recording process, 99th percentile',
    { from: 'value', metric: METRIC.eventloopDelayP99.name, join: 'max' },
  ),
  entry(
    'process/eventloop_utilization',
    'Event loop',
    '1',
    'lower',
    'Share of time the event loop was busy',
    { from: 'value', metric: METRIC.eventloopUtilization.name, join: 'max' },
  ),
];

const exact = new Map(CATALOGUE.filter((e) => !e.key.includes('{')).map((e) => [e.key, e]));
const patterns = CATALOGUE.filter((e) => e.key.includes('{index}')).map((e) => ({
  regex: new RegExp(`^${e.key.replaceAll('/', '\\/').replace('{index}', '(\\d{1,4})')}$`),
  entry: e,
}));

/** The entry of a key; a pattern comes back with its index filled in. `undefined` for a key of the user's own. */
export function catalogueEntry(key: string): CatalogueEntry | undefined {
  const found = exact.get(key);
  if (found) return found;
  for (const { regex, entry: pattern } of patterns) {
    const index = regex.exec(key)?.[1];
    if (index !== undefined) {
      return JSON.parse(JSON.stringify(pattern).replaceAll('{index}', index)) as CatalogueEntry;
    }
  }
  return undefined;
}
