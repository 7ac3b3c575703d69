import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { gunzipSync } from 'node:zlib';
import type { LocalRunFormat } from '../../../src/trackers/local/config.ts';
import { readEvents } from '../tensorboard/read-events.ts';

/** What a run's folder holds, whatever its format: numbers of the steps with `train/loss` in order, and names of parameters and tags. */
export interface Held {
  steps: number[];
  /** Of records after the start. */
  params: string[];
  ends: number;
}

const READERS: Record<LocalRunFormat, (folder: string) => Held> = {
  json(folder) {
    const lines = segments(folder, 'jsonl').flatMap((text) =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { type: string; step: number; params: object; tags: object }),
    );
    const of = (type: string) => lines.filter((line) => line.type === type);
    return {
      steps: of('step').map(({ step }) => step),
      params: [
        ...of('params').flatMap(({ params }) => Object.keys(params)),
        ...of('tags').flatMap(({ tags }) => Object.keys(tags)),
      ],
      ends: of('end').length,
    };
  },
  csv(folder) {
    const rows = segments(folder, 'csv').flatMap((text) =>
      text
        .trimEnd()
        .split('\r\n')
        .map((row) => row.split(',')),
    );
    const of = (kind: string) => rows.filter((row) => row[4] === kind);
    return {
      steps: of('value')
        .filter((row) => row[7] === 'train/loss')
        .map((row) => Number(row[5])),
      params: [...of('param'), ...of('tag')].filter((row) => row[2] !== '0').map((row) => row[7] as string),
      ends: of('end').filter((row) => row[7] === 'status').length,
    };
  },
  sqlite(folder) {
    const database = new DatabaseSync(join(folder, 'run.sqlite'), { readOnly: true });
    const column = (sql: string): unknown[] =>
      database
        .prepare(sql)
        .all()
        .map((row) => Object.values(row)[0]);
    const held = {
      steps: column("SELECT step FROM history WHERE key = 'train/loss' ORDER BY seq") as number[],
      params: [
        ...column("SELECT key FROM params WHERE key LIKE 'p%'"),
        ...column("SELECT key FROM tags WHERE key LIKE 't%'"),
      ] as string[],
      ends: column("SELECT 1 FROM runs WHERE status <> 'running'").length,
    };
    database.close();
    return held;
  },
  tensorboard(folder) {
    const values = readdirSync(folder)
      .filter((name) => name.startsWith('events.out.tfevents.'))
      .sort()
      .flatMap((name) => readEvents(readFileSync(join(folder, name))));
    const names = (tag: string): string[] =>
      values
        .filter((value) => value.tag === tag)
        .flatMap(({ text }) =>
          Array.from(text?.matchAll(/^\| ([pt]\d+) /gm) ?? [], (match) => match[1] as string),
        );
    return {
      steps: values.filter(({ tag }) => tag === 'train/loss').map(({ step }) => Number(step)),
      params: [...names('params'), ...names('tags')],
      ends: values.filter(({ tag }) => tag === '_hparams_/session_end_info').length,
    };
  },
};

export function readFolder(folder: string, format: LocalRunFormat): Held {
  return READERS[format](folder);
}

/** Texts of the segments in order, packed or not. */
export function segments(folder: string, extension: string): string[] {
  return readdirSync(folder)
    .filter(
      (name) => name.startsWith('records-') && name.includes(`.${extension}`) && !name.endsWith('.part'),
    )
    .sort()
    .map((name) => {
      const bytes = readFileSync(join(folder, name));
      return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
    });
}
