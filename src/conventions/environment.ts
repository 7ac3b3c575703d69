/** The package's own environment variables; the OTEL_* ones are documented by OpenTelemetry and honoured beside them. */
export interface EnvironmentVariable {
  readonly name: string;
  readonly default: string;
  readonly help: string;
}
const variable = (name: string, fallback: string, help: string): EnvironmentVariable => ({
  name,
  default: fallback,
  help,
});

export const ENV = {
  journalDir: variable(
    'LLM_OTEL_JOURNAL_DIR',
    './.llm-otel/journal',
    'Where runs are journaled before they are sent',
  ),
  runId: variable(
    'LLM_OTEL_RUN_ID',
    '',
    'Id of the training run: the same for all ranks of a job, and for a job that goes on after a crash',
  ),
  captureConsole: variable(
    'LLM_OTEL_CAPTURE_CONSOLE',
    'false',
    'Give what a training program prints to its trackers, line by line',
  ),
  httpServer: variable(
    'LLM_OTEL_HTTP_SERVER',
    'diagnostics-channel',
    'Server instrumentation of register: diagnostics-channel, instrumentation-http or none',
  ),
  llmRoutes: variable(
    'LLM_OTEL_LLM_ROUTES',
    '',
    'Further routes read as OpenAI-style generations, comma-separated, e.g. /generate,/api/chat',
  ),
  captureContent: variable('LLM_OTEL_CAPTURE_CONTENT', 'false', 'Record prompt and reply text on spans'),
  providerName: variable(
    'LLM_OTEL_PROVIDER_NAME',
    'openai',
    'gen_ai.provider.name of generations that register sees',
  ),
  modelRunId: variable('LLM_OTEL_MODEL_RUN_ID', '', 'Run that produced the served model (llm.model.run_id)'),
  sloTtft: variable('LLM_OTEL_SLO_TTFT', '', 'Objective for the time to first token, e.g. 500ms'),
  sloTpot: variable('LLM_OTEL_SLO_TPOT', '', 'Objective for the time per output token, e.g. 50ms'),
  sloDuration: variable('LLM_OTEL_SLO_DURATION', '', 'Objective for the duration of a request, e.g. 10s'),
  maxGeneration: variable(
    'LLM_OTEL_MAX_GENERATION',
    '10m',
    'A generation that nobody ended is closed and counted as abandoned after this time',
  ),
  observers: variable(
    'LLM_OTEL_OBSERVERS',
    'host,runtime,gpu',
    'Observers that register starts: host, runtime, gpu, each perhaps with its interval (host:5s), or none',
  ),
  gpuLibrary: variable(
    'LLM_OTEL_NVML_LIBRARY',
    '',
    "Path of NVIDIA's libnvidia-ml.so.1 (nvml.dll) where the system's loader does not find it",
  ),
  shutdownTimeout: variable(
    'LLM_OTEL_SHUTDOWN_TIMEOUT',
    '3s',
    'Longest time that the flush at exit may take',
  ),
  hubToken: variable(
    'LLM_OTEL_HUB_TOKEN',
    '',
    'Token that the hub asks for; made anew at each start when unset',
  ),
  config: variable('LLM_OTEL_CONFIG', './monitoring.yaml', 'Configuration file'),
} as const;
