export {
  ConfigError,
  type ConfigProblem,
  type LoadedConfig,
  loadConfig,
  parseConfig,
  type ParseOptions,
} from './load.ts';
export type { Monitoring } from './schema.ts';
export { Secret } from './secret.ts';
