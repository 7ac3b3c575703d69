export type { FinishedGeneration } from './generation/finished.ts';
export type { Generation, GenerationOptions, GenerationResult } from './generation/generation.ts';
export { configureServing, type ServiceObjectives, type ServingOptions } from './generation/settings.ts';
export { startGeneration } from './generation/start.ts';
export {
  type PerformanceWindow,
  type PerformanceWindowOptions,
  performanceWindow,
} from './performance/performance-window.ts';
export type {
  PerformanceThresholds,
  RateCrossed,
  SlowGeneration,
  ThresholdCrossed,
} from './performance/thresholds.ts';
