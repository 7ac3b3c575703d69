import type { Platform } from '../platform.ts';
import { MLFLOW_OPTIONS, mlflowSettings, type MlflowOptions } from './config.ts';
import { MlflowSink } from './sink.ts';

export const mlflowPlatform: Platform<MlflowOptions> = {
  help: 'MLflow tracking server, 3.10 or newer',
  options: MLFLOW_OPTIONS,
  createSink: (options, context) => new MlflowSink(mlflowSettings(options, context)),
};

export { checkMlflow, type MlflowCheck } from './check.ts';
export { MlflowSink, mlflowSettings, type MlflowOptions };
