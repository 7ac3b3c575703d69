import { crc32 } from 'node:zlib';

const BLOCK = 32 * 1024;

/**
 * The records of a `.wandb` file, read as strictly as W&B's own reader does: header, checksum of each chunk, kinds in
 * their order, zeros at the end of a block.
 * @throws Error for anything else.
 */
export function readWandbFile(file: Buffer): Buffer[] {
  if (file.subarray(0, 7).toString('hex') !== '3a572642e1be00') throw new Error('no W&B header');
  const records: Buffer[] = [];
  let parts: Buffer[] | undefined;
  let at = 7;
  while (at < file.length) {
    const room = BLOCK - (at % BLOCK);
    if (room < 7) {
      if (file.subarray(at, at + room).some((byte) => byte !== 0))
        throw new Error(`padding at ${at} is not zero`);
      at += room;
      continue;
    }
    const sum = file.readUInt32LE(at);
    const length = file.readUInt16LE(at + 4);
    const kind = file[at + 6] as number;
    if (length + 7 > room) throw new Error(`chunk at ${at} crosses a block`);
    const payload = file.subarray(at + 7, at + 7 + length);
    if (payload.length !== length) throw new Error(`chunk at ${at} is cut off`);
    if (crc32(file.subarray(at + 6, at + 7 + length)) !== sum) throw new Error(`checksum at ${at}`);
    at += 7 + length;
    if ((kind === 1 || kind === 2) === (parts !== undefined)) throw new Error(`kind ${kind} at ${at}`);
    parts ??= [];
    parts.push(payload);
    if (kind === 1 || kind === 4) {
      records.push(Buffer.concat(parts));
      parts = undefined;
    }
  }
  if (parts) throw new Error('last record is cut off');
  return records;
}

/** Field of a `Record`: 2 history, 3 summary, 17 run, 18 exit, and so on. */
export function recordKind(record: Buffer): number {
  const [tag] = readVarint(record, 0);
  return tag >> 3;
}

/** Items (`key` and `value_json`) of the message in a record, as text. */
export function itemsOf(record: Buffer, itemField: number): Record<string, string> {
  const items: Record<string, string> = {};
  for (const [, body] of fieldsOf(record))
    for (const [field, item] of fieldsOf(body))
      if (field === itemField) {
        const parts = new Map(fieldsOf(item));
        items[parts.get(1)?.toString() ?? ''] = parts.get(16)?.toString() ?? '';
      }
  return items;
}

/** Length-delimited fields of a message; varints are skipped. */
export function fieldsOf(message: Buffer): [field: number, content: Buffer][] {
  const fields: [number, Buffer][] = [];
  for (let at = 0; at < message.length; ) {
    const [tag, afterTag] = readVarint(message, at);
    const [value, afterValue] = readVarint(message, afterTag);
    at = afterValue;
    if ((tag & 7) === 0) continue;
    if ((tag & 7) !== 2) throw new Error(`wire type ${tag & 7}`);
    fields.push([tag >> 3, message.subarray(at, at + value)]);
    at += value;
  }
  return fields;
}

function readVarint(bytes: Buffer, start: number): [value: number, after: number] {
  let value = 0;
  let at = start;
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[at++];
    if (byte === undefined) throw new Error('varint is cut off');
    value += (byte & 127) * factor;
    if (byte < 128) return [value, at];
  }
}
