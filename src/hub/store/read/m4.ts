/**
 * M4 (Jugel et al., PVLDB 7(10) 2014): of each pixel column keep the points with the first and last x and the
 * smallest and largest value. A line drawn through them on a raster of that many columns is the line through all
 * points; smallest and largest alone are not enough, since the segment between two columns joins their last and
 * first.
 */
const PER_COLUMN = 4;

/**
 * Positions, ascending, of the points that stay when the points `begin` to `end` (ascending in `x`) are reduced to
 * `Math.floor(maxPoints / 4)` columns (at least one) over the closed range from `low` to `high`.
 *
 * Column of x: floor(columns · (x − low) / (high − low)), x = high in the last one. Non-finite values are in no
 * comparison; the first and the last of them in each column stay too, so that a gap stays a gap. The answer is
 * then longer than `maxPoints` by at most two a column.
 */
export function m4(
  x: Float64Array,
  value: Float64Array,
  begin: number,
  end: number,
  maxPoints: number,
  low: number,
  high: number,
): Uint32Array {
  const columns = Math.max(1, Math.floor(maxPoints / PER_COLUMN));
  const width = high - low;
  const kept = new Uint32Array(Math.min(end - begin, columns * 6 + 6));
  let count = 0;
  const picks = new Int32Array(6);

  let at = begin;
  while (at < end) {
    const column = columnOf(x[at]!, low, width, columns);
    const stop = endOfColumn(x, at, end, column, low, width, columns);
    let first = -1;
    let last = -1;
    let smallest = -1;
    let largest = -1;
    let least = Infinity;
    let most = -Infinity;
    let firstGap = -1;
    let lastGap = -1;
    for (let i = at; i < stop; i++) {
      const v = value[i]!;
      // NaN and infinities give NaN here.
      if (v - v !== 0) {
        if (firstGap < 0) firstGap = i;
        lastGap = i;
        continue;
      }
      if (first < 0) first = i;
      last = i;
      if (v < least) {
        least = v;
        smallest = i;
      }
      if (v > most) {
        most = v;
        largest = i;
      }
    }
    picks[0] = first;
    picks[1] = smallest;
    picks[2] = largest;
    picks[3] = last;
    picks[4] = firstGap;
    picks[5] = lastGap;
    picks.sort();
    let previous = -1;
    for (const pick of picks) {
      if (pick !== previous) kept[count++] = pick;
      previous = pick;
    }
    at = stop;
  }
  return kept.subarray(0, count);
}

function columnOf(x: number, low: number, width: number, columns: number): number {
  if (!(width > 0)) return 0;
  return Math.min(columns - 1, Math.max(0, Math.floor((columns * (x - low)) / width)));
}

/** First position after `at` that is in a later column: galloping, since x ascends. */
function endOfColumn(
  x: Float64Array,
  at: number,
  end: number,
  column: number,
  low: number,
  width: number,
  columns: number,
): number {
  let inside = at;
  let step = 1;
  let outside = end;
  while (inside + step < end) {
    if (columnOf(x[inside + step]!, low, width, columns) > column) {
      outside = inside + step;
      break;
    }
    inside += step;
    step *= 2;
  }
  while (outside - inside > 1) {
    const middle = (inside + outside) >>> 1;
    if (columnOf(x[middle]!, low, width, columns) > column) outside = middle;
    else inside = middle;
  }
  return outside;
}

/** First position of ascending `x` whose value is not below `bound`. */
export function lowerBound(x: Float64Array, bound: number): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (x[middle]! < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** First position of ascending `x` whose value is above `bound`. */
export function upperBound(x: Float64Array, bound: number): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (x[middle]! <= bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
