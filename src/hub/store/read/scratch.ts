/** Three columns of doubles to decode into. */
export type Columns3 = [Float64Array, Float64Array, Float64Array];

/** Points for which memory is kept between reads (24 MiB); a larger read gets memory of its own. */
const KEPT_POINTS = 2 ** 20;
let kept: Columns3 | undefined;

/**
 * Columns of `length` points with anything in them, valid until the next call: what is given away must be copied. Fresh
 * memory for each read of a million points costs as much as decoding them (page faults, collection).
 */
export function scratchColumns(length: number): Columns3 {
  if (length > KEPT_POINTS) return newColumns(length);
  if (kept === undefined || kept[0].length < length) {
    kept = newColumns(Math.min(KEPT_POINTS, Math.max(2 ** 14, length * 2)));
  }
  const [a, b, c] = kept;
  return [a.subarray(0, length), b.subarray(0, length), c.subarray(0, length)];
}

function newColumns(length: number): Columns3 {
  return [new Float64Array(length), new Float64Array(length), new Float64Array(length)];
}
