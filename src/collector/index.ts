/**
 * The Collector: composes its configuration out of `collector-config/`, checks it with and without a Collector, finds or
 * gets one, and keeps it running.
 *
 * @example
 * const plan = planCollector({ destinations: ['hub', 'file'], env: process.env });
 * const { found } = await findCollector({ env: process.env });
 * if (found) runCollector({ plan, path: found.path, env: process.env, log: (level, text) => console.error(level, text) });
 * @module
 */
export { BUILD_ARGUMENTS, buildCollector, type BuildOutcome } from './binary/build.ts';
export { builtCollectorPath, cacheFolder } from './binary/cache.ts';
export { CHECKSUMS_URL, downloadCollector, releaseUrl } from './binary/download.ts';
export { type CollectorSearch, findCollector, type FoundCollector } from './binary/find.ts';
export { validateByCollector } from './binary/validate.ts';
export { checkConfig, type CheckOptions } from './check/check.ts';
export { type ConfigFinding, findingText } from './check/finding.ts';
export { type Destination, DESTINATIONS, isDestination } from './compose/destinations.ts';
export { type ConfigSource, fileSource } from './compose/source.ts';
export { CONFIG_FOLDER } from './config-folder.ts';
export {
  checkEnvironment,
  type CollectorPlan,
  neededComponents,
  planCollector,
  type PlanInput,
} from './plan.ts';
export { runCollector, type RunningCollector, type RunOptions } from './run/collector.ts';
export { destinationStatus, type DestinationStatus } from './run/status.ts';
export { readMetrics } from './run/watch.ts';
export { COLLECTOR_IMAGE, COLLECTOR_VERSION } from './version.ts';
