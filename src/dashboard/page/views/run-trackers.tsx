import type { RunDetail, RunTracker } from '../../../conventions/hub-api.ts';
import { clockOffset } from '../data/hub.ts';
import { formatAge } from '../format/clock.ts';
import { formatCount } from '../format/quantity.ts';
import { now } from '../state/view.ts';
import { NumberColumns } from './number-columns.tsx';

/** How each status is called, and whether somebody should look. */
const STATUS: Record<RunTracker['status'], { text: string; tone: 'good' | 'live' | 'warn' | 'bad' }> = {
  current: { text: 'complete', tone: 'good' },
  sending: { text: 'sending', tone: 'live' },
  unavailable: { text: 'not reached', tone: 'warn' },
  refusing: { text: 'refuses', tone: 'bad' },
  unauthorized: { text: 'not signed in', tone: 'bad' },
  given_up: { text: 'given up', tone: 'bad' },
  in_process: { text: 'sent by the program', tone: 'good' },
};

/** How many trackers lack something of the run. */
export function trackersBehind(run: RunDetail): number {
  return run.sinks.filter(({ status }) => STATUS[status].tone !== 'good').length;
}

/** Where each experiment tracker stands that the run is forwarded to, with the way to its page there. */
export function Trackers({ run }: { run: RunDetail }) {
  const behind = trackersBehind(run);
  const ranked = run.worldSize > 1;
  return (
    <section class="card" aria-label="Trackers">
      <header class="card-head">
        <h3>Trackers</h3>
        <span class={behind > 0 ? 'badge warn' : 'badge'}>
          {behind > 0 ? `${behind} of ${run.sinks.length} behind` : 'complete'}
        </span>
      </header>
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Trackers of the run">
        <table>
          <thead>
            <tr>
              <th scope="col">Tracker</th>
              {ranked && (
                <th scope="col" class="number">
                  Rank
                </th>
              )}
              <th scope="col">Status</th>
              <NumberColumns names={['Behind', 'Retried', 'Refused', 'Last sent']} />
            </tr>
          </thead>
          <tbody>
            {run.sinks.map((tracker) => (
              <Tracker tracker={tracker} ranked={ranked} key={keyOf(tracker)} />
            ))}
          </tbody>
        </table>
      </div>
      {run.sinks.map((tracker) => (
        <Faults tracker={tracker} key={keyOf(tracker)} />
      ))}
    </section>
  );
}

function keyOf(tracker: RunTracker): string {
  return `${tracker.rank} ${tracker.sink} ${tracker.status === 'in_process' ? '' : tracker.target}`;
}

function Tracker({ tracker, ranked }: { tracker: RunTracker; ranked: boolean }) {
  const { text, tone } = STATUS[tracker.status];
  const there = tracker.status === 'in_process' ? undefined : tracker;
  const url = safeUrl(there?.url);
  return (
    <tr data-tracker={tracker.sink}>
      <th scope="row" title={there?.target}>
        {url === undefined ? (
          tracker.sink
        ) : (
          <a href={url} target="_blank" rel="noreferrer">
            {tracker.sink}
          </a>
        )}
      </th>
      {ranked && <td class="number">{tracker.rank}</td>}
      <td>
        <span class={`status ${tone}`}>
          <span class="dot" aria-hidden="true" /> {text}
        </span>
      </td>
      {[there?.lag, there?.retried, there?.refused].map((count, i) => (
        <td class="number" key={i}>
          {count === undefined ? '—' : formatCount(count)}
        </td>
      ))}
      <td class="number">
        {there?.lastSentAt == null ? '—' : formatAge(now.value + clockOffset.value - there.lastSentAt)}
      </td>
    </tr>
  );
}

/** What went wrong, in the tracker's words, and what was refused for good. */
function Faults({ tracker }: { tracker: RunTracker }) {
  if (tracker.status === 'in_process') return null;
  const { sink, status, lastError, refusals, refused } = tracker;
  const last = refusals.at(-1);
  return (
    <>
      {lastError !== null && STATUS[status].tone !== 'good' && (
        <p class="hint">
          {sink}: {lastError}
        </p>
      )}
      {last !== undefined && (
        <p class="hint">
          {sink} refused {formatCount(refused)} {refused === 1 ? 'record' : 'records'} for good; the last,
          number {last.seq}: {last.message}
        </p>
      )}
    </>
  );
}

/** Only what a browser opens as a page: a tracker's address comes from outside. */
function safeUrl(url: string | null | undefined): string | undefined {
  return url != null && /^https?:\/\//.test(url) ? url : undefined;
}
