/**
 * A run is a stream of OTLP log records with an event name (DESIGN: names of training). Identity of a record is
 * (`llm.run.id`, `llm.rank`, `llm.run.seq`): a resent record is stored once.
 */
export const EVENT = {
  runStart: 'llm.run.start',
  runParams: 'llm.run.params',
  runArtifact: 'llm.run.artifact',
  runNote: 'llm.run.note',
  runEnd: 'llm.run.end',
  trainingStep: 'llm.training.step',
  trainingHistogram: 'llm.training.histogram',
} as const;

export type RunEventName = (typeof EVENT)[keyof typeof EVENT];

/** Prefixes of a user's key, and the prefix of the gauge that carries its last value to metric back ends. */
export const GAUGE_PREFIXES: ReadonlyArray<readonly [keyPrefix: string, metricPrefix: string]> = [
  ['train/', 'llm.training.'],
  ['val/', 'llm.training.validation.'],
  ['dpo/', 'llm.training.dpo.'],
  ['lora/', 'llm.training.lora.'],
];
/** Gauge prefix of a key with none of the prefixes above; slashes become dots. */
export const OTHER_GAUGE_PREFIX = 'llm.training.custom.';
