export type { FinishedGeneration } from './generation/finished.ts';
export type { Generation, GenerationOptions, GenerationResult } from './generation/generation.ts';
export { configureServing, type ServiceObjectives, type ServingOptions } from './generation/settings.ts';
export { startGeneration } from './generation/start.ts';
export {
  type PerformanceWindow,
  type PerformanceWindowOptions,
  performanceWindow,
  type WindowSummary,
} from './performance/performance-window.ts';
export type {
  PerformanceThresholds,
  RateCrossed,
  RateKind,
  SlowGeneration,
  ThresholdCrossed,
} from './performance/thresholds.ts';
export { type ExpressMiddleware, expressMiddleware } from './frameworks/express.ts';
export { type FastifyLike, fastifyPlugin } from './frameworks/fastify.ts';
export { instrumentFetchHandler } from './frameworks/fetch-handler.ts';
export { instrumentHandler } from './frameworks/handler.ts';
export { type HonoContextLike, honoMiddleware } from './frameworks/hono.ts';
export type { AdapterOptions } from './frameworks/options.ts';
export { trackResponse } from './frameworks/track-response.ts';
