import type { JsonNumber } from '../../../conventions/hub-api.ts';
import { fromJsonNumber } from '../series/columns.ts';

const WIDTH = 120;
const HEIGHT = 28;

/** A small line without axes; what it says is in the tile's text, so it is hidden from screen readers. */
export function Sparkline({ time, value }: { time: readonly number[]; value: readonly JsonNumber[] }) {
  const path = sparkPath(time, value.map(fromJsonNumber));
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}

/** Path through the finite points; it is lifted where a value is not finite. */
function sparkPath(time: readonly number[], value: readonly number[]): string {
  const finite = value.filter((v) => Number.isFinite(v));
  if (finite.length < 2) return '';
  const low = finite.reduce((a, b) => Math.min(a, b));
  const high = finite.reduce((a, b) => Math.max(a, b));
  const from = time[0] ?? 0;
  const span = (time.at(-1) ?? 0) - from || 1;
  let path = '';
  let lifted = true;
  value.forEach((v, i) => {
    if (!Number.isFinite(v)) {
      lifted = true;
      return;
    }
    const x = (((time[i] ?? 0) - from) / span) * WIDTH;
    const y = high === low ? HEIGHT / 2 : HEIGHT - 2 - ((v - low) / (high - low)) * (HEIGHT - 4);
    path += `${lifted ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`;
    lifted = false;
  });
  return path;
}
