import type { Tile } from '../../../conventions/hub-api.ts';
import { Sparkline } from '../chart/sparkline.tsx';
import { entryOf } from '../data/catalogue.ts';
import { clockOffset, runs, runsById, tiles } from '../data/hub.ts';
import { formatAge, formatDateTime } from '../format/clock.ts';
import { deltaWording } from '../format/delta.ts';
import { displayUnit, quantity } from '../format/quantity.ts';
import { fromJsonNumber } from '../series/columns.ts';
import { STATUS_TONE } from '../series/run-order.ts';
import { address, now } from '../state/view.ts';

/** A value older than this is told with its age: it is the last one, not the present one. */
const STALE_AFTER = 45_000;

export function Tiles() {
  const shown = choose(tiles.value);
  return (
    <section class="tiles" aria-label="Now">
      {shown.map((tile) => (
        <TileCard key={tile.key} tile={tile} />
      ))}
    </section>
  );
}

/** With a GPU its memory; without one the host's memory and CPU. */
function choose(all: readonly Tile[]): Tile[] {
  const gpu = all.some((tile) => tile.key.startsWith('gpu_') && tile.value !== null);
  return all.filter((tile) => (tile.key.startsWith('gpu_') ? gpu : !gpu || !tile.key.startsWith('system/')));
}

function TileCard({ tile }: { tile: Tile }) {
  const entry = entryOf(tile.key);
  const unit = entry === undefined ? tile.unit : displayUnit(entry);
  const value = tile.value === null ? null : fromJsonNumber(tile.value);
  const age = tile.time === null ? null : now.value + clockOffset.value - tile.time;
  const stale = age !== null && age > STALE_AFTER;
  const written = value === null ? null : quantity(value, unit);
  const source = entry?.source;
  const run = runsById.value.get(tile.run ?? '');
  const metric = source === undefined ? tile.key : source.metric;
  const { window } = address.value;
  // A gauge and a run have a last value; everything else is of the whole window, and is not what the chart ends with.
  const over = source !== undefined && source.from !== 'run' && source.from !== 'value';
  return (
    <article
      class={`card tile${stale ? ' stale' : ''}${value !== null && !Number.isFinite(value) ? ' alarm' : ''}`}
      title={[
        tile.help,
        ...(over ? [`Over the last ${window}`] : []),
        `Key: ${tile.key}`,
        `Metric: ${metric}`,
        ...(run === undefined ? [] : [`Run: ${run.name}`]),
      ].join('\n')}
      data-tile={tile.key}
    >
      <h3>
        <span class="title">{tile.title}</span>
        {over && <span class="over">{window}</span>}
      </h3>
      {written === null ? (
        <p class="value none">{absence(tile.key)}</p>
      ) : (
        <p class="value">
          {written.text}
          <span class="unit">{written.unit}</span>
        </p>
      )}
      <Sparkline time={tile.spark.time} value={tile.spark.value} />
      <p class="foot">
        {value === null ? (
          <span class="muted">{tile.help}</span>
        ) : stale && run !== undefined && run.status !== 'running' ? (
          <span class={STATUS_TONE[run.status] === 'good' ? 'muted' : 'age'}>
            {run.status} {formatAge(age)}
          </span>
        ) : stale ? (
          <span class="age">last seen {formatAge(age)}</span>
        ) : (
          <Delta tile={tile} unit={unit} />
        )}
      </p>
    </article>
  );
}

const against = ({ since }: Tile): string =>
  since == null ? `Against the ${address.value.window} before` : `Against ${formatDateTime(since)}`;

/** What the absence of a value means. */
function absence(key: string): string {
  if (key.startsWith('api/')) return 'No traffic';
  if (!key.startsWith('train/')) return 'No data';
  return runs.value.length === 0 ? 'No run' : 'Not recorded';
}

function Delta({ tile, unit }: { tile: Tile; unit: string }) {
  const { symbol, amount, word, tone } = deltaWording(tile, unit);
  return (
    <span class={`delta ${tone}`} title={against(tile)}>
      <span aria-hidden="true">{symbol}</span> {amount} {word}
    </span>
  );
}
