import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TrackerOptions } from '../../../src/trackers/index.ts';
import { readZip } from '../comet/zip-reader.ts';
import { CometStandIn } from '../comet/stand-in.ts';
import { segments } from '../local/read-folder.ts';
import { MlflowStandIn } from '../mlflow/mlflow-server.ts';
import { readEvents } from '../tensorboard/read-events.ts';
import { parsePythonJson } from '../wandb/python-json.ts';
import { WandbStandIn } from '../wandb/stand-in.ts';
import { itemsOf, readWandbFile, recordKind } from '../wandb/wandb-file.ts';

/** One value of a run, as `key step value`: what a place holds is a sorted list of them, twice what is there twice. */
export type Held = string[];

export const valueText = (key: string, step: unknown, value: unknown): string =>
  `${key} ${String(step)} ${String(Number(value))}`;

/** Addresses and folders of the trackers of a run: plain data, so that a child process can be given them. */
export interface Addresses {
  readonly folder: string;
  readonly mlflow: string;
  readonly wandb: string;
  readonly comet: string;
}

/** The histogram that the program gives. That it is there counts, and how often: each place has it in its own form. */
export const HISTOGRAM = 'hist/x';
export const histogramText = (step: unknown): string => valueText(HISTOGRAM, step, 1);

const LOCAL = ['json', 'csv', 'sqlite', 'tensorboard'] as const;

/** Every kind of tracker at once. Their keys come from the environment. */
export function everyTracker({ folder, mlflow, wandb, comet }: Addresses): TrackerOptions[] {
  return [
    { platform: 'mlflow', trackingUri: mlflow, experimentName: 'x' },
    { platform: 'wandb', mode: 'online', baseUrl: wandb },
    { platform: 'wandb', mode: 'offline', dir: join(folder, 'wandb') },
    { platform: 'comet', mode: 'online', baseUrl: comet },
    { platform: 'comet', mode: 'offline', offlineDirectory: join(folder, 'comet') },
    ...LOCAL.map((format): TrackerOptions => ({ platform: 'local', logDir: join(folder, format), format })),
  ];
}

/** The places where a run in every tracker ends up: three strict stand-ins, and a folder. */
export class Places {
  readonly wandb = new WandbStandIn();
  readonly comet = new CometStandIn();
  readonly folder: string;
  mlflow!: MlflowStandIn;

  constructor(folder: string) {
    this.folder = folder;
  }

  static async start(folder: string): Promise<Places> {
    const places = new Places(folder);
    places.mlflow = await MlflowStandIn.start();
    await Promise.all([places.wandb.listen(), places.comet.listen()]);
    return places;
  }

  get addresses(): Addresses {
    return { folder: this.folder, mlflow: this.mlflow.url, wandb: this.wandb.url, comet: this.comet.url };
  }

  get env(): Record<string, string> {
    return { WANDB_API_KEY: this.wandb.key, COMET_API_KEY: this.comet.key };
  }

  async close(): Promise<void> {
    await Promise.all([this.mlflow.server.close(), this.wandb.close(), this.comet.close()]);
  }

  /** Names of the places. */
  get names(): string[] {
    return Object.keys(READERS);
  }

  /** What a place has of the user's values. */
  held(name: string): Held {
    return READERS[name]?.(this).toSorted() ?? [];
  }
}

/** What the program gave, without what is derived from it: that is the same record, but no 32-bit float. */
export const isOwn = (key: string): boolean => /^train\/(x|odd)$/.test(key);
const rowsOf = (rows: readonly Record<string, unknown>[], step: string): Held =>
  rows.flatMap((row) =>
    Object.entries(row).flatMap(([key, value]) => {
      if (key === HISTOGRAM) return [histogramText(row[step])];
      return isOwn(key) ? [valueText(key, row[step], value)] : [];
    }),
  );
const only = (folder: string, pattern: RegExp): string => {
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    pattern.test(name),
  );
  if (found.length !== 1)
    throw new Error(`${folder}: expected one ${String(pattern)}, found ${found.join(', ')}`);
  return join(folder, found[0] as string);
};
/** A local tracker's run folder. */
const runFolder = (folder: string): string => join(only(folder, /run\.json$/), '..');

const READERS: Readonly<Record<string, (places: Places) => Held>> = {
  mlflow: ({ mlflow }) =>
    mlflow.runs.flatMap(({ points }) =>
      [...points]
        .map((point) => JSON.parse(point) as [string, number, number, unknown])
        .flatMap(([key, , step, value]) => {
          if (key === `${HISTOGRAM}/max`) return [histogramText(step)];
          return isOwn(key) ? [valueText(key, step, value)] : [];
        }),
    ),
  wandb: ({ wandb }) => rowsOf(wandb.run().history, '_step'),
  'wandb offline': ({ folder }) =>
    readWandbFile(readFileSync(only(join(folder, 'wandb'), /\.wandb$/)))
      .filter((record) => recordKind(record) === 2)
      .flatMap((record) =>
        rowsOf(
          [
            Object.fromEntries(
              Object.entries(itemsOf(record, 1)).map(([key, text]) => [key, parsePythonJson(text)]),
            ),
          ],
          '_step',
        ),
      ),
  comet: ({ comet }) => [
    ...comet
      .experiment()
      .metrics.filter(({ name }) => isOwn(name))
      .map(({ name, step, value }) => valueText(name, step, value)),
    ...comet
      .experiment()
      .assets.filter(({ type }) => type === 'histogram3d')
      .map(({ step }) => histogramText(step)),
  ],
  'comet offline': ({ folder }) =>
    (readZip(readFileSync(only(join(folder, 'comet'), /\.zip$/))).get('messages.json') ?? '')
      .toString()
      .trimEnd()
      .split('\n')
      .flatMap((line) => {
        const { payload } = JSON.parse(line) as {
          payload: {
            metric?: { metricName: string; metricValue: unknown; step: number };
            upload_type?: string;
            additional_params?: { step: number };
          };
        };
        const { metric } = payload;
        if (payload.upload_type === 'histogram3d') return [histogramText(payload.additional_params?.step)];
        return metric && isOwn(metric.metricName)
          ? [valueText(metric.metricName, metric.step, metric.metricValue)]
          : [];
      }),
  json: ({ folder }) =>
    segments(runFolder(join(folder, 'json')), 'jsonl')
      .flatMap((text) => text.trimEnd().split('\n'))
      .map((line) => JSON.parse(line) as { type: string; step: number; values: Record<string, unknown> })
      .flatMap(({ type, step, values }) => {
        if (type === 'histogram') return [histogramText(step)];
        return type === 'step' ? rowsOf([{ ...values, step }], 'step') : [];
      }),
  csv: ({ folder }) =>
    segments(runFolder(join(folder, 'csv')), 'csv')
      .flatMap((text) => text.trimEnd().split('\r\n'))
      .map((row) => row.split(','))
      .flatMap(([, , , , kind, step, , key = '', value]) => {
        if (kind === 'histogram') return [histogramText(step)];
        return kind === 'value' && isOwn(key) ? [valueText(key, step, value)] : [];
      }),
  sqlite({ folder }) {
    const database = new DatabaseSync(join(runFolder(join(folder, 'sqlite')), 'run.sqlite'), {
      readOnly: true,
    });
    try {
      const values = database
        .prepare('SELECT key, step, value FROM history')
        .all()
        .filter(({ key }) => isOwn(String(key)))
        .map(({ key, step, value }) => valueText(String(key), step, value ?? Number.NaN));
      const histograms = database.prepare('SELECT step FROM histograms').all();
      return [...values, ...histograms.map(({ step }) => histogramText(step))];
    } finally {
      database.close();
    }
  },
  tensorboard: ({ folder }) =>
    readdirSync(runFolder(join(folder, 'tensorboard')))
      .filter((name) => name.includes('tfevents'))
      .flatMap((name) => readEvents(readFileSync(join(runFolder(join(folder, 'tensorboard')), name))))
      .flatMap(({ tag, step, float }) => {
        if (tag === HISTOGRAM) return [histogramText(step)];
        return isOwn(tag) && float !== undefined ? [valueText(tag, step, float)] : [];
      }),
};
