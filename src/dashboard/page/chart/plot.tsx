import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { formatElapsed } from '../format/clock.ts';
import { axisLabels, type DisplayUnit, formatCount, isBinary } from '../format/quantity.ts';
import type { JoinedLines } from '../series/join.ts';
import type { Range } from '../state/address.ts';
import { CANVAS, type Shade, withAlpha } from './palette.ts';

/** The one door to uPlot: everything else on the page speaks of lines, marks and ranges. */
export interface PlotLine {
  label: string;
  color: string;
  width?: number;
  /** Opacity of the line, 0 … 1. */
  alpha?: number;
  dash?: readonly number[];
  /** Opacity of the area below the line. */
  fill?: number;
  /** On the scale at the right instead of the one at the left. */
  right?: boolean;
}
/** A point without a place on y (NaN, infinite): a ✕ on the rail above the plot, at its true x. */
export interface PlotMark {
  x: number;
}
/** A named upright line; `text` is its value, for the legend. */
export interface PlotGuide {
  x: number;
  label: string;
  text: string;
}
export type PlotX =
  | { kind: 'step' }
  /** Seconds since the epoch. */
  | { kind: 'time' }
  /** Seconds since the start. */
  | { kind: 'relative' }
  /** Bars at 0, 1, 2 …; `label` names the edge left of bar i. */
  | { kind: 'bars'; label: (edge: number) => string };

export interface PlotProps {
  data: JoinedLines;
  lines: readonly PlotLine[];
  x: PlotX;
  y: 'linear' | 'log';
  /** Lowest value that y must show (0 for rates and bars). */
  yFrom?: number;
  /** Unit of the scale at the left, and of the one at the right when there is one. */
  unit: DisplayUnit;
  unitRight?: DisplayUnit;
  /** What x shows; null = all there is. */
  range: Range | null;
  marks: readonly PlotMark[];
  guides?: readonly PlotGuide[];
  height: number;
  shade: Shade;
  /** Charts with the same key share the crosshair. */
  sync: string;
  /** What the picture says, in one sentence, for those who do not see it. */
  description: string;
  /** A range was dragged open; null: it is to be taken back (double click). */
  onZoom?: (range: Range | null) => void;
  /** Row of `data` under the crosshair. */
  onCursor?: (index: number | null) => void;
}

const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
/** uPlot declares `distr` and `side` as const enums, which isolated modules cannot name: the numbers, untyped. */
const LOG_SCALE: object = { distr: 3 };
const RIGHT_SIDE: object = { side: 1 };
/** Room of the rail for ✕ marks above the plot. */
const RAIL = 16;

export function Plot(props: PlotProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const shape = shapeOf(props);

  useLayoutEffect(() => {
    const element = host.current;
    if (element === null) return undefined;
    const chart = new uPlot(
      optionsOf(latest, Math.max(element.clientWidth, 80)),
      dataOf(latest.current),
      element,
    );
    plot.current = chart;
    return () => {
      chart.destroy();
      plot.current = null;
    };
  }, [shape]);

  useEffect(() => {
    plot.current?.setData(dataOf(props));
  }, [props.data, props.marks, props.guides, props.range?.[0], props.range?.[1]]);

  useEffect(() => {
    const element = host.current;
    if (element === null) return undefined;
    let width = 0;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth === width || element.clientWidth === 0) return;
      width = element.clientWidth;
      plot.current?.setSize({ width, height: latest.current.height });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  return (
    <div
      class="plot"
      ref={host}
      role="img"
      aria-label={props.description}
      style={{ height: `${props.height}px` }}
    />
  );
}

/** What cannot be changed on a living chart; when it changes, the chart is built anew. */
const shapeOf = ({ lines, x, y, height, shade, sync, marks, unit, unitRight }: PlotProps): string =>
  JSON.stringify([lines, x.kind, y, height, shade, sync, marks.length > 0, unit, unitRight]);

function dataOf({ data, y, lines }: PlotProps): uPlot.AlignedData {
  // A logarithmic scale has no place for values at or below zero: the line breaks there.
  const ys =
    y === 'log'
      ? data.ys.map((values) => values.map((v) => (typeof v === 'number' && v <= 0 ? null : v)))
      : data.ys;
  return [data.x, ...lines.map((_, i) => ys[i] ?? [])];
}

function optionsOf(latest: { current: PlotProps }, width: number): uPlot.Options {
  const { lines, x, y, height, shade, sync, marks, unitRight } = latest.current;
  const colors = CANVAS[shade];
  const bars = x.kind === 'bars';
  const axis = {
    stroke: colors.text,
    font: FONT,
    grid: { stroke: colors.grid, width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height,
    ms: 1e-3,
    legend: { show: false },
    padding: [marks.length > 0 ? RAIL : 8, unitRight !== undefined ? 0 : bars ? 26 : 18, 0, 0],
    cursor: {
      y: false,
      points: { size: 6, width: 1.5, show: !bars },
      drag: { x: !bars, y: false, setScale: false },
      sync: { key: sync, scales: ['x', null] },
      bind: {
        dblclick: () => () => {
          latest.current.onZoom?.(null);
          return null;
        },
      },
    },
    scales: {
      x: { time: x.kind === 'time', range: (_, min, max) => xRange(latest.current, min, max) },
      y: {
        ...(y === 'log' ? LOG_SCALE : {}),
        range: (_, min, max) => yRange(latest.current, min, max),
      },
      ...(unitRight === undefined
        ? {}
        : { right: { range: (_: uPlot, _min: number, max: number) => rightRange(max) } }),
    },
    axes: [
      { ...axis, size: x.kind === 'time' ? 40 : 28, gap: 8, space: bars ? 46 : 64, ...xTicks(latest) },
      {
        ...axis,
        gap: 6,
        space: 34,
        ...yTicks(latest.current.unit, y),
      },
      ...(unitRight === undefined
        ? []
        : [
            {
              ...axis,
              scale: 'right',
              ...RIGHT_SIDE,
              gap: 6,
              space: 34,
              grid: { show: false },
              ...yTicks(unitRight, 'linear' as const),
            },
          ]),
    ],
    series: [{}, ...lines.map((line) => seriesOf(line, bars))],
    hooks: {
      setCursor: [(chart) => latest.current.onCursor?.(chart.cursor.idx ?? null)],
      setSelect: [
        (chart) => {
          const { left, width: dragged } = chart.select;
          if (dragged < 4) return;
          const range: Range = [chart.posToVal(left, 'x'), chart.posToVal(left + dragged, 'x')];
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          latest.current.onZoom?.(range);
        },
      ],
      draw: [
        (chart) => {
          drawMarks(chart, latest.current.marks, colors.danger);
          drawGuides(chart, latest.current.guides ?? [], colors.text);
        },
      ],
    },
  };
}

function seriesOf(line: PlotLine, bars: boolean): uPlot.Series {
  const stroke = line.alpha === undefined ? line.color : withAlpha(line.color, line.alpha);
  return {
    label: line.label,
    stroke,
    scale: line.right === true ? 'right' : 'y',
    width: line.width ?? 1.5,
    ...(line.dash === undefined ? {} : { dash: [...line.dash] }),
    ...(line.fill === undefined ? {} : { fill: withAlpha(line.color, line.fill) }),
    ...(bars
      ? { paths: uPlot.paths.bars?.({ size: [0.92, 120], align: 1 }) ?? null, points: { show: false } }
      : {}),
    ...(line.alpha !== undefined && line.alpha < 1 ? { points: { show: false } } : { points: { size: 4 } }),
    ...(bars ? { points: { show: false } } : {}),
  } as uPlot.Series;
}

function xTicks(latest: { current: PlotProps }): Partial<uPlot.Axis> {
  const { x } = latest.current;
  switch (x.kind) {
    case 'time':
      return { values: timeTicks() };
    case 'relative':
      return {
        incrs: [
          0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400,
          21_600, 43_200, 86_400, 172_800, 432_000, 864_000, 2_592_000, 8_640_000,
        ],
        values: (_, splits) => splits.map((v) => formatElapsed(v, (splits[1] ?? 1) - (splits[0] ?? 0))),
      };
    case 'bars':
      return {
        incrs: [1, 2, 3, 4, 5, 10],
        grid: { show: false },
        values: (_, splits) =>
          splits.map((v) => (latest.current.x.kind === 'bars' ? latest.current.x.label(v) : '')),
      };
    default:
      return {
        incrs: [
          1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7,
        ],
        values: (_, splits) => splits.map((v) => formatCount(v)),
      };
  }
}

/** Powers of two from a byte up, for scales in bytes. */
const BINARY_STEPS = Array.from({ length: 52 }, (_, i) => 2 ** i);

const yTicks = (unit: DisplayUnit, scale: 'linear' | 'log'): Partial<uPlot.Axis> => ({
  ...(isBinary(unit) && scale === 'linear' ? { incrs: BINARY_STEPS } : {}),
  size: (_, values) => axisSize(values),
  values: (_, splits) =>
    // On a logarithmic scale each label stands for itself; uPlot leaves those out that would touch (null).
    scale === 'log'
      ? splits.map((v) => (v === null ? '' : (axisLabels([v], unit)[0] ?? '')))
      : axisLabels(splits, unit),
});

/** Ticks over time in 24-hour form; the date where a day begins. */
const timeTicks = (): uPlot.Axis.Values => [
  [86_400, '{D} {MMM}', null, null, null, null, null, null, 1],
  [60, '{HH}:{mm}', '\n{D} {MMM}', null, null, null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1],
];

const axisSize = (values: readonly string[] | null): number =>
  Math.max(30, ...(values ?? []).map((text) => text.length * 6.4 + 14));

function xRange({ range, x }: PlotProps, min: number | null, max: number | null): uPlot.Range.MinMax {
  if (range !== null) return [range[0], range[1]];
  if (min === null || max === null) return [0, 1];
  if (x.kind === 'bars') return [min, max];
  if (min === max) return x.kind === 'step' ? [min - 1, max + 1] : [min - 0.5, max + 0.5];
  return [min, max];
}

function yRange({ y, yFrom }: PlotProps, min: number | null, max: number | null): uPlot.Range.MinMax {
  if (min === null || max === null || !Number.isFinite(min) || !Number.isFinite(max))
    return y === 'log' ? [0.1, 1] : [0, 1];
  if (y === 'log') return uPlot.rangeLog(min, max, 10, max / min > 100);
  const low = yFrom === undefined ? min : Math.min(min, yFrom);
  if (low === max) return low === 0 ? [0, 1] : [low - Math.abs(low) * 0.1, max + Math.abs(max) * 0.1];
  const margin = (max - low) * 0.08;
  return [low === yFrom ? low : low - margin, max + margin];
}

/** The line at the right keeps to the lower two thirds: on one height with the left one, proportional lines would hide each other. */
const rightRange = (max: number | null): uPlot.Range.MinMax => [0, max === null || max <= 0 ? 1 : max * 1.6];

function drawMarks(chart: uPlot, marks: readonly PlotMark[], color: string): void {
  if (marks.length === 0) return;
  const { ctx, bbox } = chart;
  const ratio = uPlot.pxRatio;
  const arm = 3.5 * ratio;
  const middle = bbox.top - (RAIL / 2) * ratio;
  ctx.save();
  ctx.beginPath();
  let drawn = Number.NEGATIVE_INFINITY;
  for (const { x } of marks) {
    const at = Math.round(chart.valToPos(x, 'x', true));
    // Marks on top of each other are one mark to the eye; the legend has the count.
    if (at < bbox.left || at > bbox.left + bbox.width || at - drawn < arm) continue;
    drawn = at;
    ctx.moveTo(at - arm, middle - arm);
    ctx.lineTo(at + arm, middle + arm);
    ctx.moveTo(at + arm, middle - arm);
    ctx.lineTo(at - arm, middle + arm);
  }
  ctx.setLineDash([]);
  ctx.lineWidth = 1.75 * ratio;
  ctx.strokeStyle = color;
  ctx.stroke();
  ctx.restore();
}

function drawGuides(chart: uPlot, guides: readonly PlotGuide[], color: string): void {
  const { ctx, bbox } = chart;
  const ratio = uPlot.pxRatio;
  ctx.save();
  ctx.font = FONT.replace('11px', `${11 * ratio}px`);
  ctx.fillStyle = color;
  ctx.strokeStyle = color;
  ctx.lineWidth = ratio;
  ctx.setLineDash([3 * ratio, 3 * ratio]);
  /** Where the texts of each row end: a label takes the first row that is free at its place. */
  const ends: [from: number, to: number][][] = [];
  for (const { x, label } of guides) {
    const at = Math.round(chart.valToPos(x, 'x', true)) + 0.5;
    const width = ctx.measureText(label).width;
    const left = at + width + 8 * ratio > bbox.left + bbox.width;
    const from = left ? at - width - 8 * ratio : at;
    const to = from + width + 8 * ratio;
    const free = ends.findIndex((row) => row.every(([start, end]) => to < start || from > end));
    const row = free < 0 ? ends.length : free;
    ends[row] = [...(ends[row] ?? []), [from, to]];
    ctx.beginPath();
    ctx.moveTo(at, bbox.top);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
    ctx.textAlign = left ? 'right' : 'left';
    ctx.fillText(label, at + (left ? -4 : 4) * ratio, bbox.top + (12 + row * 13) * ratio);
  }
  ctx.restore();
}
