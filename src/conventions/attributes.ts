/**
 * Attribute names, as constants. OpenTelemetry's own names are written out here rather than imported from
 * `@opentelemetry/semantic-conventions`: every `gen_ai.*` constant there is marked deprecated ("moved"), and
 * the names that we emit must not change with a dependency.
 *
 * Sources: OpenTelemetry semantic conventions 1.41 (general, HTTP, gen_ai); `llm.*` and `gpu.*` are ours.
 */
export const ATTR = {
  // resource
  serviceName: 'service.name',
  serviceVersion: 'service.version',
  serviceInstanceId: 'service.instance.id',
  hostName: 'host.name',
  processPid: 'process.pid',

  // a run (in the resource of its events; run id and rank also on training instruments)
  runId: 'llm.run.id',
  runName: 'llm.run.name',
  runProject: 'llm.run.project',
  runGroup: 'llm.run.group',
  rank: 'llm.rank',
  worldSize: 'llm.world_size',
  runAttempt: 'llm.run.attempt',
  modelRunId: 'llm.model.run_id',
  /** On all that comes of one `llm-otel run`: the program's own telemetry, and what is observed of it from outside. */
  launchId: 'llm.launch.id',

  // attributes of run events
  runSeq: 'llm.run.seq',
  runStatus: 'llm.run.status',
  runTags: 'llm.run.tags',
  runInterrupted: 'llm.run.interrupted',
  runSource: 'llm.run.source',
  runForwarded: 'llm.run.forwarded',
  mlflowExperimentId: 'llm.mlflow.experiment_id',
  mlflowRunId: 'llm.mlflow.run_id',
  trainingStep: 'llm.training.step',
  trainingEpoch: 'llm.training.epoch',
  histogramName: 'llm.histogram.name',
  trainingPhase: 'llm.training.phase',
  trainingStepUsualDuration: 'llm.training.step.usual_duration',
  artifactName: 'llm.artifact.name',
  artifactKind: 'llm.artifact.kind',
  artifactPath: 'llm.artifact.path',
  artifactSize: 'llm.artifact.size',
  artifactSha256: 'llm.artifact.sha256',
  noteSeverity: 'llm.note.severity',

  // gen_ai
  operationName: 'gen_ai.operation.name',
  providerName: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  requestStream: 'gen_ai.request.stream',
  requestMaxTokens: 'gen_ai.request.max_tokens',
  requestTemperature: 'gen_ai.request.temperature',
  requestTopP: 'gen_ai.request.top_p',
  requestTopK: 'gen_ai.request.top_k',
  requestFrequencyPenalty: 'gen_ai.request.frequency_penalty',
  requestPresencePenalty: 'gen_ai.request.presence_penalty',
  requestStopSequences: 'gen_ai.request.stop_sequences',
  requestSeed: 'gen_ai.request.seed',
  requestChoiceCount: 'gen_ai.request.choice.count',
  responseId: 'gen_ai.response.id',
  responseModel: 'gen_ai.response.model',
  responseFinishReasons: 'gen_ai.response.finish_reasons',
  responseTimeToFirstChunk: 'gen_ai.response.time_to_first_chunk',
  usageInputTokens: 'gen_ai.usage.input_tokens',
  usageOutputTokens: 'gen_ai.usage.output_tokens',
  usageCacheReadInputTokens: 'gen_ai.usage.cache_read.input_tokens',
  usageReasoningOutputTokens: 'gen_ai.usage.reasoning.output_tokens',
  tokenType: 'gen_ai.token.type',
  conversationId: 'gen_ai.conversation.id',
  inputMessages: 'gen_ai.input.messages',
  outputMessages: 'gen_ai.output.messages',

  // serving, ours
  outcome: 'llm.outcome',
  sloMet: 'llm.slo.met',
  servingTimeToFirstToken: 'llm.serving.time_to_first_token',
  servingTimeToFirstByte: 'llm.serving.time_to_first_byte',
  servingTimePerOutputToken: 'llm.serving.time_per_output_token',
  servingQueueDuration: 'llm.serving.queue.duration',
  servingBatchSize: 'llm.serving.batch_size',
  servingPromptLength: 'llm.serving.prompt_length',
  servingCompletionRatio: 'llm.serving.completion_ratio',
  servingChunks: 'llm.serving.chunks',
  servingOutputTokensEstimated: 'llm.serving.output_tokens_estimated',

  // http, general
  errorType: 'error.type',
  errorMessage: 'error.message',
  httpRequestMethod: 'http.request.method',
  httpRequestMethodOriginal: 'http.request.method_original',
  httpResponseStatusCode: 'http.response.status_code',
  httpRoute: 'http.route',
  urlScheme: 'url.scheme',
  urlPath: 'url.path',
  urlQuery: 'url.query',
  userAgent: 'user_agent.original',
  clientAddress: 'client.address',
  clientPort: 'client.port',
  networkPeerAddress: 'network.peer.address',
  networkPeerPort: 'network.peer.port',
  networkProtocolName: 'network.protocol.name',
  networkProtocolVersion: 'network.protocol.version',
  serverAddress: 'server.address',
  serverPort: 'server.port',

  // host and hardware
  cpuMode: 'cpu.mode',
  cpuLogicalNumber: 'cpu.logical_number',
  memoryState: 'system.memory.state',
  pagingState: 'system.paging.state',
  pagingDirection: 'system.paging.direction',
  pagingFaultType: 'system.paging.fault.type',
  device: 'system.device',
  contextSwitchType: 'process.context_switch.type',
  diskDirection: 'disk.io.direction',
  filesystemMountpoint: 'system.filesystem.mountpoint',
  filesystemType: 'system.filesystem.type',
  filesystemState: 'system.filesystem.state',
  networkInterface: 'network.interface.name',
  networkDirection: 'network.io.direction',
  hwId: 'hw.id',
  hwType: 'hw.type',
  hwName: 'hw.name',
  hwState: 'hw.state',
  hwParent: 'hw.parent',
  hwModel: 'hw.model',
  hwVendor: 'hw.vendor',
  hwSerialNumber: 'hw.serial_number',
  hwDriverVersion: 'hw.driver_version',
  hwSensorLocation: 'hw.sensor_location',
  gpuTask: 'hw.gpu.task',
  gpuClockDomain: 'hw.gpu.clock_domain',
  gpuThrottleReason: 'hw.gpu.throttle_reason',
  gpuIndex: 'gpu.index',
  gpuMigIndex: 'gpu.mig.index',
  gpuPciAddress: 'gpu.pci_address',
  gpuAssigned: 'gpu.assigned',
  hostArch: 'host.arch',
  hostCpuModel: 'host.cpu.model.name',
  hostCpuCount: 'host.cpu.count',
  hostMemory: 'host.memory.size',
  hostGpus: 'host.gpus',
  hostGpuDriver: 'host.gpu.driver_version',
  hostCudaVersion: 'host.gpu.cuda_version',
  osType: 'os.type',
  osDescription: 'os.description',
  osKernel: 'os.version',
  runtimeName: 'process.runtime.name',
  runtimeVersion: 'process.runtime.version',
  processRole: 'llm.process.role',
  processCommand: 'process.command',
  processExecutableName: 'process.executable.name',
  pressureResource: 'system.linux.pressure.resource',
  pressureKind: 'system.linux.pressure.kind',
  numaNode: 'system.linux.numa.node',
  eventloopState: 'nodejs.eventloop.state',
  gcType: 'v8js.gc.type',
  heapSpaceName: 'v8js.heap.space.name',

  // the package about itself
  droppedSignal: 'llm_otel.signal',
  droppedReason: 'llm_otel.reason',
  observerName: 'llm_otel.observer',
} as const;

/** What the resource of a program's telemetry says of its machine, from the general to the special. */
export const MACHINE_ATTRIBUTES = [
  ATTR.hostName,
  ATTR.hostCpuModel,
  ATTR.hostCpuCount,
  ATTR.hostMemory,
  ATTR.hostGpus,
  ATTR.hostGpuDriver,
  ATTR.hostCudaVersion,
  ATTR.hostArch,
  ATTR.osType,
  ATTR.osDescription,
  ATTR.osKernel,
  ATTR.runtimeName,
  ATTR.runtimeVersion,
] as const;

/** How a generation ended. An abort by the client is an outcome, not an error. */
export const OUTCOMES = ['completed', 'length', 'error', 'aborted'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const RUN_STATUSES = ['finished', 'failed', 'killed'] as const;
/** How a run ended, as its `llm.run.end` event says it. */
export type RunEndStatus = (typeof RUN_STATUSES)[number];

export const TOKEN_TYPES = ['input', 'output', 'cached', 'reasoning'] as const;
export type TokenType = (typeof TOKEN_TYPES)[number];
