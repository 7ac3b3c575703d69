import { readFile } from 'node:fs/promises';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { zstdDecompressSync } from 'node:zlib';

/** Rows of a Parquet file. */
export async function readParquet(path: string): Promise<Record<string, unknown>[]> {
  return parquetReadObjects({
    file: await buffer(path),
    compressors: { ZSTD: (input) => new Uint8Array(zstdDecompressSync(input)) },
  });
}

export async function readParquetMetadata(path: string): Promise<Record<string, string | undefined>> {
  const { key_value_metadata: pairs } = parquetMetadata(await buffer(path));
  return Object.fromEntries(pairs?.map(({ key, value }) => [key, value]) ?? []);
}

async function buffer(path: string): Promise<ArrayBuffer> {
  const bytes = await readFile(path);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}
