import { createReadStream } from 'node:fs';
import { open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
/** Names are UTF-8. */
const UTF8 = 0x0800;
/** 1980-01-01: the format knows nothing earlier, and the time says nothing here. */
const DATE = 0x21;
/** Beyond this the format needs its 64-bit form. */
export const MAX_ZIP_BYTES = 0xffff_ffff;

interface Entry {
  readonly name: Buffer;
  readonly sum: number;
  readonly size: number;
  readonly offset: number;
}

/**
 * Packs files of a folder into a ZIP (PKWARE's APPNOTE, stored, not compressed), beside its place and then renamed.
 * @throws RangeError when it is 4 GiB or more.
 */
export async function writeZip(path: string, folder: string, names: readonly string[]): Promise<void> {
  const part = `${path}.part`;
  const file = await open(part, 'w');
  try {
    const entries: Entry[] = [];
    let at = 0;
    const write = async (bytes: Uint8Array): Promise<void> => {
      await file.writeFile(bytes);
      at += bytes.length;
      if (at > MAX_ZIP_BYTES)
        throw new RangeError(`${path} would be larger than a ZIP without extensions may be (4 GiB)`);
    };
    for (const name of names) {
      const source = join(folder, name);
      const { size } = await stat(source);
      let sum = 0;
      for await (const chunk of createReadStream(source) as AsyncIterable<Buffer>) sum = crc32(chunk, sum);
      const entry: Entry = { name: Buffer.from(name), sum, size, offset: at };
      entries.push(entry);
      await write(localHeader(entry));
      for await (const chunk of createReadStream(source) as AsyncIterable<Buffer>) await write(chunk);
    }
    const start = at;
    for (const entry of entries) await write(centralHeader(entry));
    await write(endRecord(entries.length, at - start, start));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(part, path);
}

function localHeader({ name, sum, size }: Entry): Buffer {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(LOCAL_HEADER, 0);
  header.writeUInt16LE(VERSION, 4);
  common(header, 6, sum, size, name.length);
  return Buffer.concat([header, name]);
}

function centralHeader({ name, sum, size, offset }: Entry): Buffer {
  const header = Buffer.alloc(46);
  header.writeUInt32LE(CENTRAL_HEADER, 0);
  header.writeUInt16LE(VERSION, 4);
  header.writeUInt16LE(VERSION, 6);
  common(header, 8, sum, size, name.length);
  header.writeUInt32LE(offset, 42);
  return Buffer.concat([header, name]);
}

/** Flags, method (0: stored), time, date, checksum, both sizes, length of the name, of extra fields. */
function common(header: Buffer, at: number, sum: number, size: number, nameLength: number): void {
  header.writeUInt16LE(UTF8, at);
  header.writeUInt16LE(DATE, at + 6);
  header.writeUInt32LE(sum, at + 8);
  header.writeUInt32LE(size, at + 12);
  header.writeUInt32LE(size, at + 16);
  header.writeUInt16LE(nameLength, at + 20);
}

function endRecord(count: number, size: number, offset: number): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END, 0);
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  return end;
}
