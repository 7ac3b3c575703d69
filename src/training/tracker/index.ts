export { createTracker, type Tracker } from './tracker.ts';
export type { CreateTrackerOptions } from './tracker-options.ts';
export {
  createMetricsLogger,
  type MetricsFileOptions,
  type MetricsLogger,
  type MetricsLoggerOptions,
} from './metrics-logger.ts';
