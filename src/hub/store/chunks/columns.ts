import type { ByteReader, ByteWriter } from './bytes.ts';

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

const scratch = { length: 0, integers: new Float64Array(0) };

export function writeColumn(out: ByteWriter, values: Float64Array): void {
  if (isConstant(values)) {
    out.byte(CONSTANT);
    out.double(values.length === 0 ? 0 : values[0]!);
    return;
  }
  const scale = scaleOf(values);
  if (scale >= 0 && writeIntegers(out, values.length, scale)) return;
  out.byte(DOUBLES);
  writePlanes(out, values);
}

export function readColumn(reader: ByteReader, count: number, into?: Float64Array, offset = 0): Float64Array {
  const values = into ?? new Float64Array(count);
  switch (reader.byte()) {
    case CONSTANT:
      values.fill(reader.double(), offset, offset + count);
      return values;
    case INTEGERS:
      readIntegers(reader, values, offset, count);
      return values;
    case DOUBLES:
      readPlanes(reader, values, offset, count);
      return values;
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

function writeIntegers(out: ByteWriter, count: number, scale: number): boolean {
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
  out.byte(INTEGERS);
  out.byte(scale);
  out.byte(width);
  out.double(integers[0]!);
  out.double(smallest);
  const rows = count - 1;
  const { bytes, at } = out.reserve(rows * width);
  for (let i = 0; i < rows; i++) {
    let rest = integers[i + 1]! - integers[i]! - smallest;
    let low = rest >>> 0;
    rest = (rest - low) / 4294967296;
    for (let plane = 0; plane < width; plane++) {
      if (plane === 4) low = rest;
      bytes[at + plane * rows + i] = low & 0xff;
      low >>>= 8;
    }
  }
  return true;
}

function widthOf(span: number): number {
  let width = 0;
  for (let limit = 1; span >= limit; limit *= 256) width++;
  return width;
}

function readIntegers(reader: ByteReader, values: Float64Array, offset: number, count: number): void {
  const scale = SCALES[reader.byte()];
  if (scale === undefined) throw new Error('Damaged chunk: unknown scale.');
  const width = reader.byte();
  let integer = reader.double();
  const smallest = reader.double();
  const rows = count - 1;
  const at = reader.take(rows * width);
  const bytes = reader.bytes;
  const end = offset + count;
  values[offset] = integer / scale;
  if (width === 0) {
    for (let i = offset + 1; i < end; i++) values[i] = (integer += smallest) / scale;
    return;
  }
  if (width === 1) {
    for (let i = 0; i < rows; i++) values[offset + 1 + i] = (integer += smallest + bytes[at + i]!) / scale;
    return;
  }
  if (width === 2) {
    const second = at + rows;
    for (let i = 0; i < rows; i++) {
      integer += smallest + (bytes[at + i]! | (bytes[second + i]! << 8));
      values[offset + 1 + i] = integer / scale;
    }
    return;
  }
  for (let i = 0; i < rows; i++) {
    let difference = 0;
    for (let plane = width - 1; plane >= 0; plane--)
      difference = difference * 256 + bytes[at + plane * rows + i]!;
    values[offset + 1 + i] = (integer += smallest + difference) / scale;
  }
}

function writePlanes(out: ByteWriter, values: Float64Array): void {
  const count = values.length;
  const source = new Uint8Array(values.buffer, values.byteOffset, count * 8);
  const { bytes, at } = out.reserve(count * 8);
  for (let plane = 0; plane < 8; plane++) {
    const to = at + plane * count;
    for (let i = 0, from = plane; i < count; i++, from += 8) bytes[to + i] = source[from]!;
  }
}

function readPlanes(reader: ByteReader, values: Float64Array, offset: number, count: number): void {
  const p0 = reader.take(count * 8);
  const bytes = reader.bytes;
  const p1 = p0 + count;
  const p2 = p1 + count;
  const p3 = p2 + count;
  const p4 = p3 + count;
  const p5 = p4 + count;
  const p6 = p5 + count;
  const p7 = p6 + count;
  const words = new Uint32Array(values.buffer, values.byteOffset + offset * 8, count * 2);
  for (let i = 0, w = 0; i < count; i++, w += 2) {
    words[w] = bytes[p0 + i]! | (bytes[p1 + i]! << 8) | (bytes[p2 + i]! << 16) | (bytes[p3 + i]! << 24);
    words[w + 1] = bytes[p4 + i]! | (bytes[p5 + i]! << 8) | (bytes[p6 + i]! << 16) | (bytes[p7 + i]! << 24);
  }
}
