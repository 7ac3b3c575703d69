import { type FileHandle, open } from 'node:fs/promises';
import { zstdCompressSync } from 'node:zlib';
import type { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { RunEndStatus } from '../../conventions/index.ts';
import { exactJson } from '../local/exact-json.ts';
import { artifactRow, endRows, type LongRow, recordRows, runRows } from '../local/long-rows.ts';
import type { RunSink, SinkArtifact, SinkMap, SinkRecord, SinkRun } from '../sink.ts';
import { PARQUET_SCHEMA, ParquetRows } from './columns.ts';

/** Rows of a row group: what is held in memory (about 30 MB). */
const GROUP_ROWS = 100_000;

/** The writer is an optional package: it is asked for when a Parquet file is written, not before. */
async function loadWriter() {
  try {
    return await import('hyparquet-writer');
  } catch (error) {
    throw new Error(
      'Parquet needs the package hyparquet-writer, which is not installed; run: npm install hyparquet-writer',
      {
        cause: error,
      },
    );
  }
}

/**
 * A Parquet file of one or more ranks of a run: the long form of the CSV, one value a row, compressed with Zstandard.
 * The runs' facts stand in the file's metadata too (`llm-otel.runs`, JSON). A row group is written as soon as it is
 * full, so that a run of any size fits into memory.
 */
export class ParquetFile {
  readonly #file: FileHandle;
  readonly #bytes: ByteWriter;
  readonly #writer: ParquetWriter;
  readonly #rows = new ParquetRows();
  readonly #runs: unknown[] = [];

  private constructor(file: FileHandle, bytes: ByteWriter, writer: ParquetWriter) {
    this.#file = file;
    this.#bytes = bytes;
    this.#writer = writer;
  }

  /** @throws Error that names the package when it is not installed. */
  static async create(path: string): Promise<ParquetFile> {
    const { ByteWriter, ParquetWriter } = await loadWriter();
    const bytes = new ByteWriter(1024 * 1024);
    const writer = new ParquetWriter({
      writer: bytes,
      schema: PARQUET_SCHEMA,
      codec: 'ZSTD',
      compressors: { ZSTD: (input) => zstdCompressSync(input) },
      createdBy: 'llm-otel',
    });
    return new ParquetFile(await open(path, 'w'), bytes, writer);
  }

  sink(): RunSink {
    let id = '';
    let rank = 0n;
    const add = (rows: readonly LongRow[]): Promise<void> => this.#add(id, rank, rows);
    return {
      name: 'parquet',
      open: async (run: SinkRun) => {
        id = run.id;
        rank = BigInt(run.rank);
        this.#runs.push(run);
        await add(runRows(run));
      },
      write: async (batch: readonly SinkRecord[]) => {
        for (const record of batch) await add(recordRows(record));
      },
      artifact: async (artifact: SinkArtifact) => add(artifactRow(artifact)),
      close: async (
        status: RunEndStatus | undefined,
        summary: SinkMap,
        _signal?: AbortSignal,
        endedAt?: number,
      ) => {
        if (status !== undefined) await add(endRows(status, summary, endedAt));
      },
    };
  }

  async finish(): Promise<void> {
    await this.#writeGroup();
    this.#writer.kvMetadata = [{ key: 'llm-otel.runs', value: exactJson(this.#runs) }];
    await this.#writer.finish();
    await this.#flush();
    await this.#file.sync();
    await this.#file.close();
  }

  async discard(): Promise<void> {
    await this.#file.close();
  }

  async #add(id: string, rank: bigint, rows: readonly LongRow[]): Promise<void> {
    for (const row of rows) this.#rows.add(id, rank, row);
    if (this.#rows.length >= GROUP_ROWS) await this.#writeGroup();
  }

  async #writeGroup(): Promise<void> {
    const rowGroupSize = this.#rows.length;
    if (rowGroupSize === 0) return;
    await this.#writer.write({ columnData: this.#rows.take(), rowGroupSize });
    await this.#flush();
  }

  async #flush(): Promise<void> {
    const { buffer, index } = this.#bytes;
    let written = 0;
    while (written < index)
      written += (await this.#file.write(new Uint8Array(buffer, written, index - written))).bytesWritten;
    // `offset`, which the file's metadata are made of, goes on
    this.#bytes.index = 0;
  }
}
