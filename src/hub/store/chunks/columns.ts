import type { ByteReader, ByteWriter } from './bytes.ts';
import type { ChunkReader, ChunkWriter } from './compression.ts';

/**
 * One column of doubles in a chunk, exact bit for bit (NaN payloads aside: every NaN comes back as the
 * canonical one).
 *
 * Layouts, the smallest that fits:
 * - `constant`: one double.
 * - `scaled integers`: every value times a power of ten (or 4096, see below) is an integer and comes back
 *   exactly. Stored as first value and differences, each less the smallest difference, in as few byte planes
 *   as the largest needs: a regular clock costs nothing, a counter one or two bytes.
 * - `doubles`: eight byte planes (all first bytes, all second bytes ...), so that signs and exponents stand
 *   together for the compressor. XOR with the value before was tried for noisy values and lost: it spreads
 *   the exponent.
 *
 * Planes that look like noise go to the part of the chunk that is not compressed; a byte of flags says which.
 *
 * A time in milliseconds since the epoch is a double between 2^40 and 2^41 until 2039, so its unit in the last
 * place is 2^-12 ms: times 4096 it is an integer.
 */
const CONSTANT = 0;
const INTEGERS = 1;
const DOUBLES = 2;

/** Candidate scales, tried in this order on a sample first. Powers of ten: telemetry is often written in decimal. */
const SCALES: readonly number[] = [1, 10, 100, 1000, 1e4, 1e5, 1e6, 4096];
const SAMPLE = 16;
const LARGEST = 2 ** 53;

/** Absent planes: longer than any chunk. */
const ZEROS = new Uint8Array(65536);

const scratch = { length: 0, integers: new Float64Array(0) };

export function writeColumn(chunk: ChunkWriter, values: Float64Array): void {
  const out = chunk.regular;
  if (isConstant(values)) {
    out.byte(CONSTANT);
    out.double(values.length === 0 ? 0 : values[0]!);
    return;
  }
  const scale = scaleOf(values);
  if (scale >= 0 && writeIntegers(chunk, values.length, scale)) return;
  out.byte(DOUBLES);
  writePlanes(chunk, values);
}

/** Reads `count` values into `into` from `offset` on; into a new array by default. */
export function readColumn(
  chunk: ChunkReader,
  count: number,
  into: Float64Array = new Float64Array(count),
  offset = 0,
): Float64Array {
  const reader = chunk.regular;
  switch (reader.byte()) {
    case CONSTANT:
      into.fill(reader.double(), offset, offset + count);
      return into;
    case INTEGERS:
      readIntegers(chunk, into, offset, count);
      return into;
    case DOUBLES:
      readPlanes(chunk, into, offset, count);
      return into;
    default:
      throw new Error('Damaged chunk: unknown column layout.');
  }
}

function isConstant(values: Float64Array): boolean {
  const first = values[0]!;
  for (let i = 1; i < values.length; i++) if (!Object.is(values[i], first)) return false;
  return true;
}

/** Index in SCALES of the first scale that keeps every value, with the integers left in `scratch`; or -1. */
function scaleOf(values: Float64Array): number {
  const count = values.length;
  if (scratch.integers.length < count) scratch.integers = new Float64Array(count);
  for (let s = 0; s < SCALES.length; s++) {
    if (fits(values, SCALES[s]!, Math.min(SAMPLE, count)) && fits(values, SCALES[s]!, count)) return s;
  }
  return -1;
}

function fits(values: Float64Array, scale: number, count: number): boolean {
  const integers = scratch.integers;
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    const integer = Math.round(value * scale);
    // Also refuses NaN and infinities; -0 is told from 0 by its reciprocal.
    if (integer / scale !== value || (integer === 0 && 1 / value < 0)) return false;
    if (integer > LARGEST || integer < -LARGEST) return false;
    integers[i] = integer;
  }
  return true;
}

function writeIntegers(chunk: ChunkWriter, count: number, scale: number): boolean {
  const integers = scratch.integers;
  let smallest = Infinity;
  let largest = -Infinity;
  for (let i = 1; i < count; i++) {
    const difference = integers[i]! - integers[i - 1]!;
    if (difference < smallest) smallest = difference;
    if (difference > largest) largest = difference;
  }
  const span = largest - smallest;
  if (!(span < LARGEST) || smallest < -LARGEST || largest > LARGEST) return false;
  const width = widthOf(span);
  // Seven planes of noise are no better than the doubles themselves.
  if (width > 6) return false;
  const out = chunk.regular;
  out.byte(INTEGERS);
  out.byte(scale);
  out.byte(width);
  out.double(integers[0]!);
  out.double(smallest);
  const rows = count - 1;
  const planes = planesOf(rows * width);
  for (let i = 0; i < rows; i++) {
    const difference = integers[i + 1]! - integers[i]! - smallest;
    let word = difference >>> 0;
    for (let plane = 0, at = i; plane < width; plane++, at += rows) {
      if (plane === 4) word = (difference / 4294967296) >>> 0;
      planes[at] = word & 0xff;
      word >>>= 8;
    }
  }
  sortPlanes(chunk, planes, width, rows);
  return true;
}

function widthOf(span: number): number {
  let width = 0;
  for (let limit = 1; span >= limit; limit *= 256) width++;
  return width;
}

function readIntegers(chunk: ChunkReader, values: Float64Array, offset: number, count: number): void {
  const reader = chunk.regular;
  const scale = SCALES[reader.byte()];
  if (scale === undefined) throw new Error('Damaged chunk: unknown scale.');
  const width = reader.byte();
  let integer = reader.double();
  const smallest = reader.double();
  const rows = count - 1;
  const planes = takePlanes(chunk, width, rows);
  values[offset] = integer / scale;
  const first = offset + 1;
  if (width === 0) {
    for (let i = 0; i < rows; i++) values[first + i] = (integer += smallest) / scale;
  } else if (width <= 3) {
    const [low, middle = ZEROS, high = ZEROS] = planes as [Uint8Array, Uint8Array?, Uint8Array?];
    for (let i = 0; i < rows; i++) {
      integer += smallest + (low[i]! | (middle[i]! << 8) | (high[i]! << 16));
      values[first + i] = integer / scale;
    }
  } else {
    for (let i = 0; i < rows; i++) {
      let difference = 0;
      for (let plane = width - 1; plane >= 0; plane--) difference = difference * 256 + planes[plane]![i]!;
      values[first + i] = (integer += smallest + difference) / scale;
    }
  }
}

function writePlanes(chunk: ChunkWriter, values: Float64Array): void {
  const count = values.length;
  const source = new Uint8Array(values.buffer, values.byteOffset, count * 8);
  const planes = planesOf(count * 8);
  for (let plane = 0, to = 0; plane < 8; plane++) {
    for (let from = plane; from < source.length; from += 8) planes[to++] = source[from]!;
  }
  sortPlanes(chunk, planes, 8, count);
}

function readPlanes(chunk: ChunkReader, values: Float64Array, offset: number, count: number): void {
  const [p0, p1, p2, p3, p4, p5, p6, p7] = takePlanes(chunk, 8, count) as unknown as Planes8;
  const words = new Uint32Array(values.buffer, values.byteOffset + offset * 8, count * 2);
  for (let i = 0, w = 0; i < count; i++, w += 2) {
    words[w] = p0[i]! | (p1[i]! << 8) | (p2[i]! << 16) | (p3[i]! << 24);
    words[w + 1] = p4[i]! | (p5[i]! << 8) | (p6[i]! << 16) | (p7[i]! << 24);
  }
}
type Planes8 = readonly [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
];

let planeScratch = new Uint8Array(0);
function planesOf(bytes: number): Uint8Array {
  if (planeScratch.length < bytes) planeScratch = new Uint8Array(bytes);
  return planeScratch;
}

/** Bytes looked at, and how many different ones of them make a plane noise (random ones: 57 of 64). */
const NOISE_SAMPLE = 64;
const NOISE_DISTINCT = 46;
const seen = new Uint8Array(256);

function sortPlanes(chunk: ChunkWriter, planes: Uint8Array, width: number, rows: number): void {
  let flags = 0;
  for (let plane = 0; plane < width; plane++) {
    if (isNoise(planes, plane * rows, rows)) flags |= 1 << plane;
  }
  chunk.regular.byte(flags);
  for (let plane = 0; plane < width; plane++) {
    const to: ByteWriter = flags & (1 << plane) ? chunk.noise : chunk.regular;
    to.put(planes.subarray(plane * rows, (plane + 1) * rows));
  }
}

function isNoise(planes: Uint8Array, at: number, rows: number): boolean {
  if (rows < NOISE_SAMPLE * 2) return false;
  seen.fill(0);
  let distinct = 0;
  // Spread over the plane: its beginning may not be like the rest.
  const stride = Math.floor(rows / NOISE_SAMPLE);
  for (let i = 0; i < NOISE_SAMPLE; i++) {
    const byte = planes[at + i * stride]!;
    if (seen[byte] === 0) {
      seen[byte] = 1;
      distinct++;
    }
  }
  return distinct >= NOISE_DISTINCT;
}

function takePlanes(chunk: ChunkReader, width: number, rows: number): Uint8Array[] {
  const flags = chunk.regular.byte();
  const planes: Uint8Array[] = [];
  for (let plane = 0; plane < width; plane++) {
    const from: ByteReader = flags & (1 << plane) ? chunk.noise : chunk.regular;
    const at = from.take(rows);
    planes.push(from.bytes.subarray(at, at + rows));
  }
  return planes;
}
