import { crc32 } from 'node:zlib';

/**
 * Files of a ZIP with stored entries, by its central directory (PKWARE's APPNOTE); checksums and both headers must agree.
 * @throws Error when they do not.
 */
export function readZip(zip: Buffer): Map<string, Buffer> {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  if (end < 0) throw new Error('no end of the central directory');
  const count = zip.readUInt16LE(end + 10);
  const files = new Map<string, Buffer>();
  let at = zip.readUInt32LE(end + 16);
  for (let index = 0; index < count; index++) {
    if (zip.readUInt32LE(at) !== 0x02014b50) throw new Error(`no entry at ${at}`);
    const [sum, size] = [zip.readUInt32LE(at + 16), zip.readUInt32LE(at + 24)];
    const nameLength = zip.readUInt16LE(at + 28);
    const name = zip.subarray(at + 46, at + 46 + nameLength).toString();
    const offset = zip.readUInt32LE(at + 42);
    if (zip.readUInt32LE(offset) !== 0x04034b50) throw new Error(`${name}: no file at ${offset}`);
    if (zip.readUInt32LE(offset + 14) !== sum) throw new Error(`${name}: two checksums`);
    const content = zip.subarray(offset + 30 + nameLength, offset + 30 + nameLength + size);
    if (crc32(content) !== sum) throw new Error(`${name}: wrong checksum`);
    files.set(name, content);
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return files;
}
