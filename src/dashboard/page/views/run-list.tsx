import type { RunSummary } from '../../../conventions/hub-api.ts';
import { Swatch } from '../chart/card.tsx';
import { lineColor } from '../chart/palette.ts';
import { clockOffset, loaded, runs } from '../data/hub.ts';
import { formatClock, formatDateTime, formatDuration } from '../format/clock.ts';
import { formatCount, formatNumber } from '../format/quantity.ts';
import { fromJsonNumber } from '../series/columns.ts';
import { orderRuns, searchRuns, STATUS_TONE, tagText } from '../series/run-order.ts';
import { MAX_RUNS } from '../state/address.ts';
import { address, go, isDark, linkTo, now, selectRun } from '../state/view.ts';
import { follow } from './header.tsx';
import { shownRuns } from './shown-runs.ts';

/** Rows drawn at once; the search finds the rest. */
const MOST_ROWS = 100;

export function RunList({ rows = MOST_ROWS, height }: { rows?: number; height?: number }) {
  const { search } = address.value;
  const found = orderRuns(searchRuns(runs.value, search));
  const shown = found.slice(0, rows);
  const selected = shownRuns.value.map((run) => run.id);
  return (
    <section class="card run-list" aria-label="Runs">
      <header class="card-head">
        <h3>Runs</h3>
        <span class="badge">
          {shown.length < found.length
            ? `showing ${shown.length} of ${formatCount(found.length)}`
            : formatCount(found.length)}
        </span>
        <span class="spacer" />
        <input
          id="run-search"
          type="search"
          placeholder="Search ( / )"
          aria-label="Search the runs by name, project, status or tag"
          value={search}
          onInput={(event) => go({ search: event.currentTarget.value })}
        />
      </header>
      {found.length === 0 ? (
        <p class="empty muted">
          {!loaded.value ? 'Reading …' : search === '' ? 'No runs yet.' : `No run matches “${search}”.`}
        </p>
      ) : (
        <div
          class="table-scroll"
          style={height === undefined ? undefined : { maxHeight: `${height}px` }}
          tabIndex={0}
          role="region"
          aria-label="Table of runs"
        >
          <table class="runs">
            <thead>
              <tr>
                <th scope="col">
                  <span class="visually-hidden">Shown</span>
                </th>
                <th scope="col">Run</th>
                <th scope="col" class="number">
                  Loss, step
                </th>
                <th scope="col" class="number">
                  Duration
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((run) => (
                <RunRow key={run.id} run={run} selected={selected.includes(run.id)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function RunRow({ run, selected }: { run: RunSummary; selected: boolean }) {
  const chosen = address.value.runs;
  const full = !selected && chosen.length >= MAX_RUNS;
  const loss = run.last['train/loss'];
  const value = loss === undefined ? undefined : fromJsonNumber(loss.value);
  const place = shownRuns.value.findIndex((one) => one.id === run.id);
  // The lines of several runs are told apart by colour: the list says which is whose.
  const color =
    shownRuns.value.length > 1 && place >= 0 ? lineColor(isDark.value ? 'dark' : 'light', place) : undefined;
  const open = (): void => go({ view: 'runs', runs: [run.id], zoom: null });
  return (
    <tr class={selected ? 'selected' : undefined} data-run={run.id}>
      <td>
        <input
          type="checkbox"
          checked={selected}
          disabled={full}
          aria-label={`Show ${run.name} in the charts`}
          title={full ? `At most ${MAX_RUNS} runs at once` : 'Show in the charts'}
          onChange={() => choose(run.id)}
        />
      </td>
      <td class="name">
        <a
          href={linkTo({ view: 'runs', runs: [run.id], zoom: null })}
          onClick={follow(open)}
          title={`${run.name}\n${run.id}`}
        >
          {color !== undefined && <Swatch color={color} />} {run.name}
        </a>
        <span class="sub">
          <Status run={run} />
          {run.nonFinite > 0 && (
            <span class="nan-chip" title={`${run.nonFinite} values of this run are NaN or infinite`}>
              ✕ {formatCount(run.nonFinite)} NaN
            </span>
          )}
          <span class="project" title={run.project}>
            {run.project}
          </span>
          {Object.entries(run.tags)
            .slice(0, 3)
            .map(([name, tag]) => (
              <span class="tag" key={name} title={tagText(name, tag)}>
                {tagText(name, tag)}
              </span>
            ))}
        </span>
      </td>
      <td class="number">
        {value === undefined ? (
          '—'
        ) : (
          <span class={Number.isFinite(value) ? 'strong' : 'strong bad'}>{formatNumber(value, true)}</span>
        )}
        <span class="sub">{run.lastStep === null ? 'no step' : formatCount(run.lastStep)}</span>
      </td>
      <td
        class="number"
        title={`${formatDuration(durationOf(run))}, started ${formatDateTime(run.startedAt)}`}
      >
        {formatClock(durationOf(run))}
      </td>
    </tr>
  );
}

/** The first click on a box adds to what is shown by default, it does not replace it. */
function choose(id: string): void {
  const { runs: chosen } = address.peek();
  if (chosen.length > 0) {
    selectRun(id);
    return;
  }
  const shown = shownRuns.peek().map((run) => run.id);
  go({ runs: shown.includes(id) ? shown.filter((one) => one !== id) : [...shown, id], zoom: null });
}

export function Status({ run }: { run: RunSummary }) {
  return (
    <span class={`status ${STATUS_TONE[run.status]}`}>
      <span class="dot" aria-hidden="true" />
      {run.status}
    </span>
  );
}

export const durationOf = (run: RunSummary): number =>
  (run.endedAt ?? (run.status === 'running' ? now.value + clockOffset.value : run.updatedAt)) - run.startedAt;
