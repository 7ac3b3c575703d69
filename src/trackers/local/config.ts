import type { OptionNames } from '../../conventions/index.ts';
import { resolve } from 'node:path';
import { DURATION_FORMAT, parseDuration } from '../../conventions/duration.ts';

export const LOCAL_RUN_FORMATS = ['json', 'csv', 'sqlite', 'tensorboard'] as const;
export type LocalRunFormat = (typeof LOCAL_RUN_FORMATS)[number];

/** Options of the local sink: a folder a run, below `logDir`. */
export interface LocalOptions {
  /** Default `./experiments`. Made when it is not there. */
  logDir?: string;
  /** JSON lines, CSV, an SQLite file, or event files of TensorBoard. Default `json`. */
  format?: LocalRunFormat;
  /**
   * How often what is recorded is forced to the disk: after so many steps (a number; 1 second at the latest), or after
   * a time (`500ms`, `10s`). Default `1s`.
   */
  autoSaveInterval?: number | string;
  /** Compress (gzip) the files that are complete: full ones, and at the run's end the last one. Default false. */
  compressLogs?: boolean;
  /** Copy recorded files into the run's folder. Default true; otherwise `run.json` only names them. */
  copyArtifacts?: boolean;
}

export const LOCAL_OPTIONS: OptionNames<LocalOptions> = {
  logDir: true,
  format: true,
  autoSaveInterval: true,
  compressLogs: true,
  copyArtifacts: true,
};

export interface LocalSettings {
  /** Absolute. */
  readonly logDir: string;
  readonly format: LocalRunFormat;
  readonly saveRecords: number;
  readonly saveMs: number;
  readonly compress: boolean;
  readonly copyArtifacts: boolean;
}

/** More at once gains nothing, and a crash would cost more. */
const MOST_RECORDS = 1000;
const SAVE_MS = 1000;

/** @throws TypeError for options that cannot be: what was expected, what came. */
export function localSettings(options: LocalOptions, warn: (message: string) => void): LocalSettings {
  const { logDir = './experiments', format = 'json', compressLogs = false, copyArtifacts = true } = options;
  if (typeof logDir !== 'string' || logDir === '')
    throw new TypeError(`log_dir must be a folder, got ${JSON.stringify(logDir)}.`);
  if (!LOCAL_RUN_FORMATS.includes(format))
    throw new TypeError(
      `format must be one of ${LOCAL_RUN_FORMATS.join(', ')}, got ${JSON.stringify(format)}.`,
    );
  const compressible = format === 'json' || format === 'csv';
  if (compressLogs && !compressible)
    warn(`compress_logs has no effect with format ${format}: nothing could read such a file any more.`);
  return {
    logDir: resolve(logDir),
    format,
    ...saving(options.autoSaveInterval),
    compress: compressLogs && compressible,
    copyArtifacts,
  };
}

function saving(interval: number | string | undefined): Pick<LocalSettings, 'saveRecords' | 'saveMs'> {
  if (interval === undefined) return { saveRecords: MOST_RECORDS, saveMs: SAVE_MS };
  if (typeof interval === 'number' && Number.isSafeInteger(interval) && interval >= 1)
    return { saveRecords: Math.min(interval, MOST_RECORDS), saveMs: SAVE_MS };
  const saveMs = typeof interval === 'string' ? parseDuration(interval) : undefined;
  if (saveMs !== undefined) return { saveRecords: MOST_RECORDS, saveMs };
  throw new TypeError(
    `auto_save_interval must be a number of steps from 1 on, or ${DURATION_FORMAT}, got ${JSON.stringify(interval)}.`,
  );
}
