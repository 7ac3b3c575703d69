import { createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { Writable } from 'node:stream';
import { ParquetFile } from '../parquet/parquet-file.ts';
import type { RunSink } from '../sink.ts';
import { databaseSink } from '../sqlite/database-sink.ts';
import { TensorboardSink } from '../tensorboard/tensorboard-sink.ts';
import { CsvSink } from './csv.ts';
import { JsonSink } from './json.ts';

/** One export of a run: a sink for each rank, one after the other. */
export interface RunExport {
  /** For one rank; the next is asked for when this one was closed. */
  sink(rank: number): RunSink;
  /** All ranks are in: what was written takes its place. */
  finish(): Promise<void>;
  /** Something failed: nothing half is left behind, and what was there before stays. */
  discard(): Promise<void>;
}

export interface ExportFormat {
  readonly help: string;
  /** What `out` is; a text can also go to a stream. */
  readonly output: 'text' | 'file' | 'folder';
  /** `ranks`: how many will come. */
  open(out: string | Writable, ranks: number): Promise<RunExport>;
}

export type ExportFormatName = 'json' | 'csv' | 'sqlite' | 'tensorboard' | 'parquet';

/** Formats of `llm-otel runs export`. */
export const EXPORT_FORMATS: Readonly<Record<ExportFormatName, ExportFormat>> = {
  json: {
    help: 'JSON lines, one record a line',
    output: 'text',
    open: (out) => textExport(out, (stream) => new JsonSink(stream)),
  },
  csv: {
    help: 'long form, one value a row',
    output: 'text',
    open: (out) => textExport(out, (stream, first) => new CsvSink(stream, { header: first })),
  },
  sqlite: {
    help: 'an SQLite file with runs, points, params, tags, notes',
    output: 'file',
    open: (out) =>
      fileExport(out, async (path) => {
        const { RunDatabase } = await import('../sqlite/run-database.ts');
        const database = new RunDatabase(path, { live: false });
        return {
          sink: () => databaseSink(database),
          finish: async () => {
            database.finish();
            database.close();
          },
          discard: async () => database.close(),
        };
      }),
  },
  tensorboard: {
    help: 'a folder with event files (32-bit floats), one folder a rank when there are several',
    output: 'folder',
    open: async (out, ranks) => {
      const folder = pathOf(out, 'tensorboard');
      return {
        sink: (rank) => new TensorboardSink(ranks > 1 ? join(folder, `rank-${rank}`) : folder),
        finish: async () => {},
        discard: async () => {},
      };
    },
  },
  parquet: {
    help: 'the long form, in columns (needs the package hyparquet-writer)',
    output: 'file',
    open: (out) =>
      fileExport(out, async (path) => {
        const file = await ParquetFile.create(path);
        return { sink: () => file.sink(), finish: () => file.finish(), discard: () => file.discard() };
      }),
  },
};

async function textExport(
  out: string | Writable,
  sinkOf: (stream: Writable, first: boolean) => RunSink,
): Promise<RunExport> {
  const onto = (stream: Writable): (() => RunSink) => {
    let first = true;
    return () => {
      const sink = sinkOf(stream, first);
      first = false;
      return sink;
    };
  };
  if (typeof out !== 'string') return { sink: onto(out), finish: async () => {}, discard: async () => {} };
  return fileExport(out, async (path) => {
    const stream = createWriteStream(path);
    const end = async (): Promise<void> => {
      stream.end();
      await finished(stream);
    };
    return { sink: onto(stream), finish: end, discard: end };
  });
}

/** Writes beside `out` and renames: a reader never sees half of a file, and a failed export leaves the old one. */
async function fileExport(
  out: string | Writable,
  openAt: (path: string) => Promise<Omit<RunExport, 'sink'> & { sink: (rank: number) => RunSink }>,
): Promise<RunExport> {
  const path = pathOf(out, 'this format');
  const part = `${path}.${process.pid}.part`;
  await mkdir(dirname(path), { recursive: true });
  await rm(part, { force: true });
  const opened = await openAt(part);
  return {
    sink: opened.sink,
    finish: async () => {
      await opened.finish();
      const file = await open(part, 'r+');
      await file.sync();
      await file.close();
      await rename(part, path);
    },
    discard: async () => {
      await opened.discard().catch(() => {});
      await rm(part, { force: true });
    },
  };
}

function pathOf(out: string | Writable, what: string): string {
  if (typeof out === 'string') return out;
  throw new TypeError(`${what} is written to a path, not to a stream`);
}
