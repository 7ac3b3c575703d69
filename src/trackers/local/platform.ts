import type { Platform } from '../platform.ts';
import { LOCAL_OPTIONS, type LocalOptions, type LocalRunFormat, localSettings } from './config.ts';
import { LocalSink } from './local-sink.ts';
import type { RunData } from './run-data.ts';
import { TextData, type TextFormat } from './text-data.ts';
import { CSV_TEXT, JSON_TEXT } from './text-formats.ts';

interface DataOptions {
  readonly folder: string;
  readonly compress: boolean;
  readonly warn: (message: string) => void;
}

const text = (format: TextFormat) => async (options: DataOptions) => new TextData({ ...options, format });

/** What is seldom used is loaded when it is. */
const DATA: Readonly<Record<LocalRunFormat, (options: DataOptions) => Promise<RunData>>> = {
  json: text(JSON_TEXT),
  csv: text(CSV_TEXT),
  sqlite: async ({ folder }) => {
    const { SqliteData } = await import('../sqlite/sqlite-data.ts');
    return new SqliteData(folder);
  },
  tensorboard: async ({ folder }) => {
    const { TensorboardData } = await import('../tensorboard/tensorboard-data.ts');
    return new TensorboardData(folder, Date.now);
  },
};

/** Runs as files in a folder: JSON lines, CSV, SQLite, or event files of TensorBoard. */
export const localPlatform: Platform<LocalOptions> = {
  help: 'a folder a run: JSON lines, CSV, SQLite or event files of TensorBoard',
  options: LOCAL_OPTIONS,
  createSink(options, { warn }) {
    const settings = localSettings(options, warn);
    const { format, compress } = settings;
    return new LocalSink(settings, (folder, tell) => DATA[format]({ folder, compress, warn: tell }));
  },
};
