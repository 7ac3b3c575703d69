import { useEffect, useMemo, useState } from 'preact/hooks';
import type { CatalogueEntry } from '../../../conventions/catalogue.ts';
import { type CardLine, ChartCard } from '../chart/card.tsx';
import { useNearScreen } from '../chart/near-screen.ts';
import { api, type TimeSpan } from '../data/api.ts';
import { entryOf } from '../data/catalogue.ts';
import { resync } from '../data/hub.ts';
import { useQuery } from '../data/query.ts';
import { displayUnit } from '../format/quantity.ts';
import { lineOfEntry, type MetricRead, readsOf } from '../series/catalogue-lines.ts';
import type { Line } from '../series/columns.ts';
import { joinLines } from '../series/join.ts';
import { laterStart } from '../series/metric-lines.ts';
import type { Range } from '../state/address.ts';
import { address, go } from '../state/view.ts';

/** A line over time, ready to be drawn. */
export interface TimeLine {
  label: string;
  line: Line;
  unit: string;
  right?: boolean;
}

interface Shared {
  title: string;
  help?: string;
  empty: string;
  controls?: preact.ComponentChildren;
  height?: number;
  /** Distinguishes what is asked, so that a change reads anew. */
  id: string;
  /** Stands in for the page's window (a picked range holds all the same); without `to` up to now. */
  over?: { from: number; to: number | null } | undefined;
}

/** A chart over the window of whatever `ask` reads. */
export function TimeChart({
  id,
  ask,
  over,
  ...props
}: Shared & { ask: (span: { from: number; to: number }, signal: AbortSignal) => Promise<TimeLine[]> }) {
  const { ref, near } = useNearScreen();
  const { window, range: picked } = address.value;
  const of = `${id} ${over === undefined ? '' : `${over.from}~${over.to}`}`;
  const begin = useBegin(`${of} ${window} ${picked?.join('~') ?? ''} ${resync.value}`);
  const { data, error, loading } = useQuery(`time ${of} ${begin.at}`, near, async (shown, signal) => {
    const whole =
      over === undefined || picked !== null ? shown : { from: over.from, to: over.to ?? shown.to };
    const span = { from: Math.max(whole.from, begin.at), to: whole.to };
    return { span, lines: await ask(span, signal) };
  });
  useEffect(() => {
    if (data === undefined || picked !== null) return;
    const later = laterStart(
      data.lines.map(({ line }) => line),
      data.span.from,
      data.span.to,
      (data.span.to - data.span.from) / STATISTIC_CELLS,
    );
    if (later !== undefined) begin.move(later);
  }, [data]);
  const drawn = useMemo(() => {
    const filled = (data?.lines ?? []).filter(({ line }) => line.y.some((y) => y !== null));
    const lines = filled.map(
      ({ label, right }, i): CardLine => ({
        label,
        color: i,
        ...(right === true ? { right, dash: [6, 3] } : {}),
        ...(filled.length === 1 ? { fill: 0.08 } : {}),
      }),
    );
    return {
      data: joinLines(filled.map(({ line }) => line)),
      lines,
      left: filled.find((one) => one.right !== true)?.unit ?? filled[0]?.unit ?? '1',
      right: filled.find((one) => one.right === true)?.unit,
    };
  }, [data]);
  const range: Range | null = data === undefined ? null : [data.span.from / 1000, data.span.to / 1000];
  const { right } = drawn;
  return (
    <div class="cell" ref={ref} data-chart={id}>
      <ChartCard
        {...props}
        data={drawn.data}
        lines={drawn.lines}
        x={TIME}
        y="linear"
        yFrom={0}
        range={range}
        marks={NONE}
        sync="time"
        unit={drawn.left}
        unitRight={right}
        onZoom={zoomTime}
        error={error}
        loading={loading}
        empty={<p class="muted">{props.empty}</p>}
      />
    </div>
  );
}

/**
 * The first read of a window tells since when there are data. When that is late in it (a hub that was just
 * started), the chart begins there: the data fill it, and are read in finer cells. Another window, range or a
 * refresh by hand looks at the whole again.
 */
function useBegin(question: string): { at: number; move(to: number): void } {
  const [found, setFound] = useState({ question, at: 0 });
  return {
    at: found.question === question ? found.at : 0,
    move: (at) => setFound({ question, at }),
  };
}

const TIME = { kind: 'time' } as const;
const NONE: readonly never[] = [];

/** A range picked by hand holds still: it pauses the page, or new data would shift what was picked. */
function zoomTime(range: Range | null): void {
  if (range === null) {
    if (address.peek().range !== null) go({ range: null, paused: false });
    return;
  }
  go({ range: [Math.floor(range[0] * 1000), Math.ceil(range[1] * 1000)], paused: true });
}

/** A chart of catalogue keys, each read from where the catalogue says; with `run` only what is of that run. */
export function KeyChart({
  keys,
  right = [],
  run,
  ...props
}: Omit<Shared, 'id'> & { keys: readonly string[]; right?: readonly string[]; run?: string }) {
  const entries = keys.map((key) => entryOf(key)).filter((entry) => entry !== undefined);
  return (
    <TimeChart
      {...props}
      id={keys[0] ?? ''}
      help={entries.map((entry) => `${entry.title}: ${entry.help} (${entry.source.metric})`).join('\n')}
      ask={(span, signal) =>
        Promise.all(
          entries.map((entry) => readEntry(entry, { span, run }, signal, right.includes(entry.key))),
        )
      }
    />
  );
}

async function readEntry(
  entry: CatalogueEntry,
  { span, run }: { span: TimeSpan; run: string | undefined },
  signal: AbortSignal,
  right: boolean,
): Promise<TimeLine> {
  const answers = await Promise.all(
    readsOf(entry).map((read) => api.metric({ ...read, run }, span, pointsOf(read.agg), signal)),
  );
  return { label: entry.title, line: lineOfEntry(entry, answers), unit: displayUnit(entry), right };
}

/** `value` comes reduced by M4, four points a column of pixels; the others in cells of the window. */
function pointsOf(agg: MetricRead['agg']): number {
  if (agg === 'value') return 3200;
  return agg === 'rate' || agg === 'increase' ? CELLS : STATISTIC_CELLS;
}
/** Cells of the window that rates are asked in. */
export const CELLS = 240;
/** ... and quantiles and means: fewer, since a percentile of two requests says nothing. */
export const STATISTIC_CELLS = 60;
