import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { RunSummary } from '../../../conventions/hub-api.ts';
import { type CardLine, ChartCard } from '../chart/card.tsx';
import { useNearScreen } from '../chart/near-screen.ts';
import { entryOf } from '../data/catalogue.ts';
import { resync } from '../data/hub.ts';
import { RunSeries, type SeriesSource, type SeriesState } from '../data/run-series.ts';
import { displayUnit, formatCount } from '../format/quantity.ts';
import { type Line, lineOf, xOf } from '../series/columns.ts';
import { joinLines } from '../series/join.ts';
import { densityOf, smooth } from '../series/smoothing.ts';
import type { Range } from '../state/address.ts';
import { address, go } from '../state/view.ts';

/** Most ranks of a run drawn beside each other. */
const MOST_RANKS = 8;

/** One line of the chart before its data: where it comes from, how it is named and coloured. */
interface LinePlan extends SeriesSource {
  id: string;
  label: string;
  color: number;
  dashed: boolean;
}

/** A chart of one key (or a train/val pair) over one or several runs. */
export function RunChart({
  title,
  keys,
  runs,
  height = 200,
  wide = false,
}: {
  title: string;
  keys: readonly string[];
  runs: readonly RunSummary[];
  height?: number;
  wide?: boolean;
}) {
  const { ref, near, width } = useNearScreen();
  const { x, y, smooth: weight, zoom } = address.value;
  const plan = useMemo(() => planLines(keys, runs), [keys.join(), planKey(keys, runs)]);
  const columns = Math.ceil((width * Math.min(devicePixelRatio, 2)) / 100) * 100;
  const states = useSeries(plan, near && columns > 0, { axis: x, zoom, columns, whole: weight > 0 });

  const drawn = useMemo(() => draw(plan, states, x, weight), [plan, x, weight, ...states]);
  const entry = entryOf(keys[0] ?? '');
  const unit = entry === undefined ? '1' : displayUnit(entry);
  const error = states.find((state) => state.error !== null)?.error ?? null;
  const onZoom = (range: Range | null): void => go({ zoom: range });
  return (
    <div class={wide ? 'cell wide' : 'cell'} ref={ref} data-chart={keys[0]}>
      <ChartCard
        title={title}
        help={keys.map((key) => `${key}: ${entryOf(key)?.help ?? 'a key of your own'}`).join('\n')}
        badge={badgeOf(states, weight)}
        controls={
          zoom !== null && (
            <button type="button" class="quiet" onClick={() => onZoom(null)}>
              Reset zoom
            </button>
          )
        }
        data={drawn.data}
        lines={drawn.lines}
        x={X[x]}
        y={y}
        range={zoom}
        marks={drawn.marks}
        sync={`run-${x}`}
        unit={unit}
        height={height}
        onZoom={onZoom}
        error={error}
        loading={near && states.some((state) => state.loading)}
        empty={near && <p class="muted">{emptyText(keys, zoom !== null, x)}</p>}
      />
    </div>
  );
}

const X = { step: { kind: 'step' }, time: { kind: 'time' }, relative: { kind: 'relative' } } as const;

const emptyText = (keys: readonly string[], zoomed: boolean, axis: string): string => {
  if (zoomed) return 'No points in this range.';
  return axis === 'step'
    ? `No points of ${keys.join(', ')} with a step yet.`
    : `No points of ${keys.join(', ')} yet.`;
};

const planKey = (keys: readonly string[], runs: readonly RunSummary[]): string =>
  runs
    .map(
      (run) =>
        `${run.id} ${run.name} ${run.startedAt} ${run.ranks.join()} ${keys.filter((key) => Object.hasOwn(run.last, key)).join()}`,
    )
    .join('|');

function planLines(keys: readonly string[], runs: readonly RunSummary[]): LinePlan[] {
  const several = runs.length > 1;
  const plan: LinePlan[] = [];
  runs.forEach((run, runIndex) => {
    // Ranks side by side for one run; of several runs the first rank, or the lines would not be told apart.
    const ranks: (number | undefined)[] =
      run.ranks.length < 2 ? [undefined] : several ? run.ranks.slice(0, 1) : run.ranks.slice(0, MOST_RANKS);
    keys.forEach((key, keyIndex) => {
      if (!Object.hasOwn(run.last, key)) return;
      for (const [rankIndex, rank] of ranks.entries()) {
        const name = several ? (keys.length > 1 ? `${run.name} · ${key}` : run.name) : key;
        plan.push({
          run: run.id,
          key,
          ...(rank === undefined ? {} : { rank }),
          startedAt: run.startedAt,
          id: `${run.id} ${key} ${rank ?? ''}`,
          label: ranks.length > 1 ? `${name} · rank ${rank}` : name,
          color: several ? runIndex : ranks.length > 1 ? rankIndex : keyIndex,
          dashed: keyIndex > 0 && (several || ranks.length > 1),
        });
      }
    });
  });
  return plan;
}

/** Keeps one reader a line, tells them how to read, and re-renders on their changes. */
function useSeries(
  plan: readonly LinePlan[],
  active: boolean,
  reading: { axis: 'step' | 'time' | 'relative'; zoom: Range | null; columns: number; whole: boolean },
): SeriesState[] {
  const readers = useRef(new Map<string, RunSeries>());
  const lastResync = useRef(resync.peek());
  const [, redraw] = useState(0);
  const resynced = resync.value;
  useEffect(() => {
    if (!active) return;
    const wanted = new Set(plan.map((line) => line.id));
    for (const [id, reader] of readers.current) {
      if (wanted.has(id)) continue;
      reader.dispose();
      readers.current.delete(id);
    }
    const force = lastResync.current !== resynced;
    lastResync.current = resynced;
    for (const { id, run, key, rank, startedAt } of plan) {
      let reader = readers.current.get(id);
      if (reader === undefined) {
        reader = new RunSeries({ run, key, ...(rank === undefined ? {} : { rank }), startedAt });
        readers.current.set(id, reader);
      }
      reader.read(reading, force);
    }
    redraw((n) => n + 1);
  }, [
    plan,
    active,
    reading.axis,
    reading.zoom?.[0],
    reading.zoom?.[1],
    reading.columns,
    reading.whole,
    resynced,
  ]);
  useEffect(
    () => () => {
      for (const reader of readers.current.values()) reader.dispose();
      readers.current.clear();
    },
    [],
  );
  return plan.map((line) => readers.current.get(line.id)?.state.value ?? UNREAD);
}
const UNREAD: SeriesState = { columns: null, loading: true, error: null };

function draw(
  plan: readonly LinePlan[],
  states: readonly SeriesState[],
  axis: 'step' | 'time' | 'relative',
  weight: number,
) {
  const parts: Line[] = [];
  const lines: CardLine[] = [];
  const marks: { x: number }[] = [];
  const read = plan.flatMap((line, i) => {
    const columns = states[i]?.columns;
    if (columns === null || columns === undefined || columns.total === 0) return [];
    return [{ line, columns, raw: lineOf(columns, axis, line.startedAt) }];
  });
  const density = densityOf(read.map(({ raw, columns }) => ({ x: raw.x, total: columns.total })));
  for (const { line, columns, raw } of read) {
    const nonFiniteAt = new Map<number, number>();
    for (const point of columns.nonFinite) {
      const x = xOf(point.step, point.time, axis, line.startedAt);
      if (Number.isNaN(x)) continue;
      marks.push({ x });
      nonFiniteAt.set(x, point.value);
    }
    const shown: CardLine = {
      label: line.label,
      color: line.color,
      nonFinite: columns.nonFiniteTotal,
      nonFiniteAt,
      ...(line.dashed ? { dash: [5, 4] } : {}),
    };
    if (weight > 0) {
      parts.push(raw, { x: raw.x, y: smooth(raw.x, raw.y, weight, density) });
      lines.push({ ...shown, alpha: 0.25, width: 1, silent: true }, { ...shown, width: 2 });
    } else {
      parts.push(raw);
      lines.push(shown);
    }
  }
  return { data: joinLines(parts), lines, marks: marks.sort((a, b) => a.x - b.x) };
}

function badgeOf(states: readonly SeriesState[], weight: number) {
  const read = states.map((state) => state.columns).filter((columns) => columns !== null);
  if (read.length === 0) return undefined;
  const total = read.reduce((sum, columns) => sum + columns.total, 0);
  const reduced = read.some((columns) => columns.reduced);
  const how = reduced ? (weight > 0 ? 'reduced, smoothed from the reduced line' : 'reduced') : 'exact';
  return (
    <span
      title={
        reduced
          ? 'Per column of pixels the first, last, lowest and highest point is drawn (M4): the line is the one that all points would draw. Zoom in to read more.'
          : 'Every point is drawn.'
      }
    >
      {formatCount(total)} {total === 1 ? 'point' : 'points'}, {how}
    </span>
  );
}
