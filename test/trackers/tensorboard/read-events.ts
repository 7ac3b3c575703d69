/** A scalar, a text or a histogram of an event file. */
export interface ReadValue {
  tag: string;
  step: bigint;
  wallTime: number;
  plugin: string | undefined;
  float: number | undefined;
  text: string | undefined;
  /** Of a histogram: left edge, right edge and count of each bin. */
  bins?: number[][];
}

/** CRC-32C bit by bit: slow, and written apart from what it checks. */
function crc32cSlow(bytes: Uint8Array): number {
  let sum = ~0;
  for (const byte of bytes)
    for (let bit = 0; bit < 8; bit++) {
      const odd = (sum ^ (byte >> bit)) & 1;
      sum = (sum >>> 1) ^ (odd ? 0x82f63b78 : 0);
    }
  return ~sum >>> 0;
}

function masked(bytes: Uint8Array): number {
  const sum = BigInt(crc32cSlow(bytes));
  return Number((((sum >> 15n) | ((sum << 17n) & 0xffffffffn)) + 0xa282ead8n) & 0xffffffffn);
}

/** Fields of a message by number, each as bytes or an integer. */
function fields(bytes: Buffer): [number, bigint | Buffer][] {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++] as number;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const found: [number, bigint | Buffer][] = [];
  while (at < bytes.length) {
    const key = Number(varint());
    const kind = key & 7;
    if (kind === 0) found.push([key >> 3, varint()]);
    else {
      const length = kind === 1 ? 8 : kind === 5 ? 4 : Number(varint());
      found.push([key >> 3, bytes.subarray(at, at + length)]);
      at += length;
    }
  }
  return found;
}

const one = (bytes: Buffer, number: number): bigint | Buffer | undefined =>
  fields(bytes).find(([found]) => found === number)?.[1];

function rowsOf(doubles: Buffer): number[][] {
  return Array.from({ length: doubles.length / 24 }, (_, row) =>
    [0, 8, 16].map((at) => doubles.readDoubleLE(row * 24 + at)),
  );
}

/** Every value of an event file. Throws for a sum that is wrong and for a torn end. */
export function readEvents(file: Buffer): ReadValue[] {
  const values: ReadValue[] = [];
  for (let at = 0, index = 0; at < file.length; index++) {
    const length = Number(file.readBigUInt64LE(at));
    const payload = file.subarray(at + 12, at + 12 + length);
    if (file.readUInt32LE(at + 8) !== masked(file.subarray(at, at + 8)))
      throw new Error(`length sum at ${at}`);
    if (file.readUInt32LE(at + 12 + length) !== masked(payload)) throw new Error(`payload sum at ${at}`);
    at += length + 16;
    const wallTime = (one(payload, 1) as Buffer).readDoubleLE();
    const version = one(payload, 3);
    if (index === 0) {
      if (String(version) !== 'brain.Event:2') throw new Error('no version first');
      continue;
    }
    const step = BigInt.asIntN(64, (one(payload, 2) as bigint | undefined) ?? 0n);
    for (const [number, value] of fields(one(payload, 5) as Buffer)) {
      if (number !== 1) continue;
      const bytes = value as Buffer;
      const metadata = one(bytes, 9) as Buffer | undefined;
      const plugin = metadata && one(one(metadata, 1) as Buffer, 1);
      const tensor = one(bytes, 8) as Buffer;
      const float = one(tensor, 5) as Buffer | undefined;
      const text = one(tensor, 8) as Buffer | undefined;
      const doubles = one(tensor, 4) as Buffer | undefined;
      values.push({
        tag: String(one(bytes, 1)),
        step,
        wallTime,
        plugin: plugin === undefined ? undefined : String(plugin),
        float: float?.readFloatLE(),
        text: text?.toString(),
        ...(doubles ? { bins: rowsOf(doubles) } : {}),
      });
    }
  }
  return values;
}
