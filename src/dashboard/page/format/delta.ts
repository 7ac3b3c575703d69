import type { Tile } from '../../../conventions/hub-api.ts';
import { type DisplayUnit, formatNumber, formatQuantity } from './quantity.ts';

/** A change in words. Direction is told by a sign, a word and a tone, never by colour alone. */
export interface DeltaWording {
  symbol: '▲' | '▼' | '=' | '—';
  /** The size of the change, without its sign; empty without a change. */
  amount: string;
  /** `better`, `worse`, or neutral: `up`, `down`, `unchanged`, `no earlier value`. */
  word: string;
  tone: 'good' | 'bad' | 'neutral';
}

/** The difference of two percentages is in points: `2 % up` would read as a fiftieth more. Two digits say enough. */
function sizeOf(size: number, unit: DisplayUnit): string {
  const points = (percent: number) => `${formatNumber(Number(percent.toPrecision(2)))} points`;
  if (unit === '%') return points(size);
  if (unit === 'share') return points(size * 100);
  return formatQuantity(size, unit);
}

/**
 * Wording of `delta` (now minus one window earlier). A change of less than 0.5 % of the value counts as none:
 * its sign would be noise.
 */
export function deltaWording(
  tile: Pick<Tile, 'delta' | 'better' | 'value'>,
  unit: DisplayUnit,
): DeltaWording {
  const { delta, better, value } = tile;
  if (delta === null || !Number.isFinite(delta) || typeof value === 'string' || value === null) {
    return { symbol: '—', amount: '', word: 'no earlier value', tone: 'neutral' };
  }
  const scale = Math.max(Math.abs(value), Math.abs(value - delta));
  if (delta === 0 || Math.abs(delta) < scale * 0.005) {
    return { symbol: '=', amount: '', word: 'unchanged', tone: 'neutral' };
  }
  const symbol = delta > 0 ? '▲' : '▼';
  const amount = sizeOf(Math.abs(delta), unit);
  if (better === 'none') return { symbol, amount, word: delta > 0 ? 'up' : 'down', tone: 'neutral' };
  const good = delta > 0 === (better === 'higher');
  return { symbol, amount, word: good ? 'better' : 'worse', tone: good ? 'good' : 'bad' };
}
