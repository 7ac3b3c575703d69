export const SIGNALS = ['traces', 'metrics', 'logs'] as const;

/** What OpenTelemetry tells apart on its way; each has its own variables, pipeline and receiver path. */
export type Signal = (typeof SIGNALS)[number];
