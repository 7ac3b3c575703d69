import { diag } from '@opentelemetry/api';
import { DURATION_FORMAT, ENV, parseDuration } from '../../conventions/index.ts';
import { EnvironmentReader } from '../../telemetry/index.ts';

/** Objectives of a request, in milliseconds; one that is left out is not asked for. */
export interface ServiceObjectives {
  /** Time to first token. */
  timeToFirstToken?: number;
  /** Time per output token after the first. */
  timePerOutputToken?: number;
  /** From the request to the last byte. */
  requestDuration?: number;
}

/** What `configureServing` takes; what is left out keeps its value. */
export interface ServingOptions {
  /** Objectives for goodput; durations as `500ms`, `2s` or milliseconds. Default LLM_OTEL_SLO_*; `null` for none. */
  slo?: {
    timeToFirstToken?: string | number;
    timePerOutputToken?: string | number;
    requestDuration?: string | number;
  } | null;
  /** `gen_ai.provider.name` of generations that name none. Default LLM_OTEL_PROVIDER_NAME, else `openai`. */
  provider?: string;
  /** `llm.model.run_id` of generations that name none. Default LLM_OTEL_MODEL_RUN_ID. */
  modelRunId?: string;
  /** Record prompts and replies on spans. Default LLM_OTEL_CAPTURE_CONTENT, else false. */
  captureContent?: boolean;
  /** When a generation that nobody ended is closed as abandoned: `10m` or milliseconds. Default LLM_OTEL_MAX_GENERATION. */
  maxGeneration?: string | number;
}

export interface ServingSettings {
  readonly provider: string;
  readonly modelRunId: string | undefined;
  readonly captureContent: boolean;
  /** Milliseconds. */
  readonly maxGeneration: number;
  /** Undefined when no objective is configured. */
  readonly objectives: ServiceObjectives | undefined;
}

let current: ServingSettings | undefined;

/** The settings in force: the environment, read once at the first use, and what `configureServing` has set over it. */
export function servingSettings(): ServingSettings {
  current ??= fromEnvironment(process.env);
  return current;
}

/**
 * Sets the serving room's options for the whole process. Generations under way keep the objectives that hold when
 * they end.
 * @throws TypeError for a duration that cannot be read.
 */
export function configureServing(options: ServingOptions): void {
  const before = servingSettings();
  current = {
    provider: options.provider ?? before.provider,
    modelRunId: options.modelRunId ?? before.modelRunId,
    captureContent: options.captureContent ?? before.captureContent,
    maxGeneration:
      options.maxGeneration === undefined
        ? before.maxGeneration
        : positive('maxGeneration', options.maxGeneration),
    objectives: options.slo === undefined ? before.objectives : objectivesOf(options.slo),
  };
}

/** For tests: forgets what was configured; the environment is read again. */
export function resetServingSettings(environment?: NodeJS.ProcessEnv): void {
  current = environment ? fromEnvironment(environment) : undefined;
}

/** Checks objectives and turns them into milliseconds; undefined when none is left. */
export function objectivesOf(slo: NonNullable<ServingOptions['slo']> | null): ServiceObjectives | undefined {
  if (slo === null) return undefined;
  const objectives: ServiceObjectives = {};
  for (const name of ['timeToFirstToken', 'timePerOutputToken', 'requestDuration'] as const) {
    const value = slo[name];
    if (value !== undefined) objectives[name] = positive(`slo.${name}`, value);
  }
  return Object.keys(objectives).length > 0 ? objectives : undefined;
}

function positive(name: string, value: string | number): number {
  const milliseconds = parseDuration(value);
  if (milliseconds === undefined || milliseconds === 0) {
    throw new TypeError(
      `${name}: expected ${DURATION_FORMAT} or a number of milliseconds, above zero; got ${JSON.stringify(value)}`,
    );
  }
  return milliseconds;
}

function fromEnvironment(variables: NodeJS.ProcessEnv): ServingSettings {
  const environment = new EnvironmentReader(variables, (message) => diag.warn(`llm-otel: ${message}`));
  const objectives: ServiceObjectives = {};
  for (const [name, variable] of OBJECTIVE_VARIABLES) {
    const milliseconds = environment.milliseconds(variable.name, undefined);
    if (milliseconds !== undefined) objectives[name] = milliseconds;
  }
  return {
    provider: environment.text(ENV.providerName.name) ?? ENV.providerName.default,
    modelRunId: environment.text(ENV.modelRunId.name),
    captureContent: environment.flag(ENV.captureContent.name),
    maxGeneration: environment.milliseconds(
      ENV.maxGeneration.name,
      parseDuration(ENV.maxGeneration.default),
    ) as number,
    objectives: Object.keys(objectives).length > 0 ? objectives : undefined,
  };
}

const OBJECTIVE_VARIABLES = [
  ['timeToFirstToken', ENV.sloTtft],
  ['timePerOutputToken', ENV.sloTpot],
  ['requestDuration', ENV.sloDuration],
] as const;
