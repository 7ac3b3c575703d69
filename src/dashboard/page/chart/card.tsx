import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { formatDateTime } from '../format/clock.ts';
import { formatCount, formatNumber, formatQuantity } from '../format/quantity.ts';
import { toCsv } from '../series/csv.ts';
import type { JoinedLines } from '../series/join.ts';
import { isDark } from '../state/view.ts';
import { lineColor, type Shade } from './palette.ts';
import { Plot, type PlotLine, type PlotProps, type PlotX } from './plot.tsx';

/** A line of a chart card: how it looks, and what its legend says. */
export interface CardLine extends Omit<PlotLine, 'color'> {
  /** Index into the palette. */
  color: number;
  /** Not in legend and table (the raw line below a smoothed one is). */
  silent?: boolean;
  /** Non-finite points of the line, for the legend. */
  nonFinite?: number;
  /** Their values by x, for table and CSV: the line has only breaks there. */
  nonFiniteAt?: ReadonlyMap<number, number>;
}

/** What the plot needs to know of a line; less than the card does, or the plot would be built anew for a count. */
const plotLine = ({ label, color, width, alpha, dash, fill, right }: CardLine, shade: Shade): PlotLine => ({
  label,
  color: lineColor(shade, color),
  width,
  alpha,
  dash,
  fill,
  right,
});

/** The value of a break: NaN or infinite, when it is that; nothing in a gap, or where the line has no point. */
const unplaced = (value: null | undefined, line: CardLine, at: number): string => {
  const known = value === null ? line.nonFiniteAt?.get(at) : undefined;
  return known === undefined ? '' : formatNumber(known);
};

/** A value of a line in the unit of its scale, as exact as a legend has room for. */
const valueText = (value: number, line: CardLine, { unit, unitRight }: ChartCardProps): string =>
  formatQuantity(value, line.right === true ? (unitRight ?? unit) : unit, true);

export interface ChartCardProps
  extends Pick<
    PlotProps,
    'x' | 'y' | 'yFrom' | 'range' | 'marks' | 'guides' | 'sync' | 'unit' | 'unitRight' | 'onZoom'
  > {
  title: string;
  /** The metric that is shown, and what it means. */
  help?: string;
  /** Set right of the title: points, controls. */
  badge?: ComponentChildren;
  controls?: ComponentChildren;
  data: JoinedLines;
  lines: readonly CardLine[];
  height?: number;
  /** Shown in place of the plot when there is nothing to draw. */
  empty: ComponentChildren;
  error?: string | null;
  loading?: boolean;
  wide?: boolean;
}

/** A chart with its title, legend, table twin and CSV download. */
export function ChartCard(props: ChartCardProps) {
  const [asTable, setAsTable] = useState(false);
  const [row, setRow] = useState<number | null>(null);
  const shade: Shade = isDark.value ? 'dark' : 'light';
  const lines = useMemo(() => props.lines.map((line) => plotLine(line, shade)), [props.lines, shade]);
  const hasData = props.data.x.length > 0 || props.marks.length > 0;
  const height = props.height ?? 200;
  const at = row === null || asTable ? undefined : props.data.x[row];
  return (
    <section class={`card chart-card${props.wide === true ? ' wide' : ''}`} aria-label={props.title}>
      <header class="card-head">
        <h3 title={props.help}>{props.title}</h3>
        {props.badge !== undefined && <span class="badge">{props.badge}</span>}
        {/* Up here, where it moves nothing below the pointer. */}
        {at !== undefined && props.x.kind !== 'bars' && <span class="at">{formatX(props.x, at)}</span>}
        <span class="spacer" />
        {props.controls}
        <button
          type="button"
          class="quiet glyph"
          aria-pressed={asTable}
          disabled={!hasData}
          onClick={() => setAsTable(!asTable)}
          title="The chart's values as a table"
          aria-label="Table"
        >
          <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
            <path d="M2 3h12v10H2zM2 6.5h12M2 9.8h12M6.5 3v10" />
          </svg>
        </button>
        <button
          type="button"
          class="quiet glyph"
          disabled={!hasData}
          onClick={() => download(props)}
          title="Download the values as CSV"
          aria-label="Download as CSV"
        >
          <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
            <path d="M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.5h11" />
          </svg>
        </button>
      </header>
      {hasData && <Legend {...props} shade={shade} row={row} />}
      {props.error ? <p class="notice bad">{props.error}</p> : null}
      {!hasData ? (
        <div class="empty" style={{ minHeight: `${height}px` }}>
          {props.loading === true ? <p class="muted">Reading …</p> : props.empty}
        </div>
      ) : asTable ? (
        <ChartTable {...props} height={height} />
      ) : (
        <Plot
          {...props}
          lines={lines}
          shade={shade}
          height={height}
          description={describe(props)}
          onCursor={setRow}
        />
      )}
    </section>
  );
}

function Legend(props: ChartCardProps & { row: number | null; shade: Shade }) {
  const { data, lines, row, shade, x, guides = [] } = props;
  return (
    <ul class="legend">
      {lines.map((line, i) => {
        if (line.silent === true) return null;
        const at = row ?? (x.kind === 'bars' ? -1 : lastRow(line, data, i));
        const value = data.ys[i]?.[at];
        const bad = unplaced(value as null | undefined, line, data.x[at] ?? Number.NaN);
        const text =
          typeof value === 'number'
            ? valueText(value, line, props)
            : bad || (row === null && x.kind !== 'bars' ? '—' : '');
        const [firstBad] = line.nonFiniteAt?.keys() ?? [];
        return (
          <li key={`${line.label}${i}`}>
            <Swatch color={lineColor(shade, line.color)} dashed={line.dash !== undefined} />
            <span class="name" title={line.label}>
              {line.label}
            </span>
            {text !== '' && <span class={bad === '' ? 'value' : 'value bad'}>{text}</span>}
            {line.nonFinite !== undefined && line.nonFinite > 0 && (
              <span class="nan-count" title={`${line.nonFinite} values are NaN or infinite`}>
                ✕ {formatCount(line.nonFinite)} NaN
                {firstBad !== undefined && `, first at ${formatX(x, firstBad)}`}
              </span>
            )}
          </li>
        );
      })}
      {guides.map(({ label, text }) => (
        <li key={label}>
          <span class="name">{label}</span>
          <span class="value">{text}</span>
        </li>
      ))}
    </ul>
  );
}

/** Colour patch of a legend, drawn as an image: an inline style would need CSSOM for each. */
export function Swatch({ color, dashed = false }: { color: string; dashed?: boolean }) {
  return (
    <svg class="swatch" viewBox="0 0 14 4" width="14" height="4" aria-hidden="true">
      <path d="M0 2H14" stroke={color} stroke-width="3" stroke-dasharray={dashed ? '4 2' : undefined} />
    </svg>
  );
}

/** Most rows a table draws; the CSV has them all. */
const TABLE_ROWS = 200;

function ChartTable(props: ChartCardProps & { height: number }) {
  const { data, lines, x, height, title } = props;
  const shown = lines.map((line, i) => ({ line, i })).filter(({ line }) => line.silent !== true);
  const from = x.kind === 'bars' ? 0 : Math.max(0, data.x.length - TABLE_ROWS);
  const rows = data.x.slice(from).map((at, i) => ({ at, i: from + i }));
  if (x.kind !== 'bars') rows.reverse();
  else rows.pop();
  return (
    <div
      class="table-scroll"
      style={{ maxHeight: `${height}px` }}
      tabIndex={0}
      role="region"
      aria-label={`${title}, table`}
    >
      <table>
        <caption>
          Showing {rows.length} of {formatCount(data.x.length)} rows
          {x.kind === 'bars' ? '' : ', newest first'}
        </caption>
        <thead>
          <tr>
            <th scope="col">{X_NAME[x.kind]}</th>
            {shown.map(({ line }) => (
              <th scope="col" class="number" key={line.label}>
                {line.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ at, i }) => (
            <tr key={i}>
              <th scope="row">{formatX(x, at)}</th>
              {shown.map(({ line, i: column }) => {
                const value = data.ys[column]?.[i];
                return (
                  <td class="number" key={line.label}>
                    {typeof value === 'number' ? valueText(value, line, props) : unplaced(value, line, at)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const X_NAME: Record<PlotX['kind'], string> = {
  step: 'step',
  time: 'time',
  relative: 'seconds since start',
  bars: 'from … to',
};

function formatX(x: PlotX, at: number): string {
  if (x.kind === 'time') return formatDateTime(at * 1000);
  if (x.kind === 'relative') return `${formatNumber(at, true)} s`;
  if (x.kind === 'bars') return `${x.label(at) || '0'} … ${x.label(at + 1) || '∞'}`;
  return `step ${formatCount(at)}`;
}

/** The row that says where a line stands: its last number, or what is not finite after that; -1 without one. */
function lastRow({ nonFiniteAt }: CardLine, { x, ys }: JoinedLines, column: number): number {
  const values = ys[column] ?? [];
  return values.findLastIndex(
    (value, i) =>
      typeof value === 'number' || (value === null && nonFiniteAt?.has(x[i] ?? Number.NaN) === true),
  );
}

/** The last number of a column; undefined without one. */
export function lastFinite(values: readonly (number | null | undefined)[] | undefined): number | undefined {
  for (let i = (values?.length ?? 0) - 1; i >= 0; i--) {
    const value = values?.[i];
    if (typeof value === 'number') return value;
  }
  return undefined;
}

function describe(props: ChartCardProps): string {
  const { title, data, lines, marks } = props;
  const last = lines
    .map((line, i) => {
      const value = line.silent === true ? undefined : lastFinite(data.ys[i]);
      return value === undefined ? undefined : `${line.label} ${valueText(value, line, props)}`;
    })
    .filter((text) => text !== undefined);
  const bad = marks.length > 0 ? ` ${marks.length} values are not finite.` : '';
  return `Chart of ${title}. Last: ${last.slice(0, 10).join(', ') || 'none'}.${bad} The Table button shows the values.`;
}

function download({ title, data, lines, x }: ChartCardProps): void {
  const shown = lines.map((line, i) => ({ line, i })).filter(({ line }) => line.silent !== true);
  const rows = data.x.map((at, i) => [
    x.kind === 'time' ? new Date(at * 1000).toISOString() : x.kind === 'bars' ? formatX(x, at) : at,
    ...shown.map(({ line, i: column }) => data.ys[column]?.[i] ?? line.nonFiniteAt?.get(at)),
  ]);
  const blob = new Blob([toCsv([X_NAME[x.kind], ...shown.map(({ line }) => line.label)], rows)], {
    type: 'text/csv',
  });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = `${title.replaceAll(/[^\w-]+/g, '-').toLowerCase()}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
