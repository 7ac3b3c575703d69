export {
  ConfigError,
  type ConfigProblem,
  type LoadedConfig,
  loadConfig,
  parseConfig,
  type ParseOptions,
} from './load.ts';
export { nearest } from '../conventions/nearest.ts';
export { COLLECTOR_DESTINATIONS, type Monitoring } from './schema.ts';
export { Secret } from './secret.ts';
