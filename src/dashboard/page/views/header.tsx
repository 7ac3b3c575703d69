import { heldPoints, liveState, reload } from '../data/hub.ts';
import { formatCount } from '../format/quantity.ts';
import type { LiveState } from '../live/connection.ts';
import { choicesWith, REFRESHES, VIEWS, type View, WINDOWS, windowLength } from '../state/address.ts';
import { address, go, isDark, linkTo, now } from '../state/view.ts';
import { Choice } from './controls.tsx';
import { helpOpen } from './help.tsx';

const NAMES: Record<View, string> = {
  overview: 'Overview',
  runs: 'Runs',
  serving: 'Serving',
  host: 'Host',
  traces: 'Traces',
};

export function Header() {
  const { view, window, range, refresh, paused } = address.value;
  return (
    <header class="page-head">
      <a class="brand" href={linkTo({ view: 'overview' })} onClick={follow(() => go({ view: 'overview' }))}>
        <svg viewBox="0 0 32 32" width="20" height="20" aria-hidden="true">
          <path d="M4 24 L11 13 L17 19 L28 6" />
          <circle cx="28" cy="6" r="3" />
        </svg>
        llm-otel
      </a>
      <nav aria-label="Views">
        {VIEWS.map((name) => (
          <a
            key={name}
            href={linkTo({ view: name })}
            aria-current={name === view ? 'page' : undefined}
            onClick={follow(() => go({ view: name }))}
          >
            {NAMES[name]}
          </a>
        ))}
      </nav>
      <span class="spacer" />
      <Connection />
      {range === null ? (
        <Choice
          label="Window"
          value={window}
          choices={choicesWith<string>(WINDOWS, window, windowLength)}
          onChoose={(chosen) => go({ window: chosen })}
        />
      ) : (
        <button type="button" onClick={() => go({ range: null, paused: false })}>
          Back to the last {window}
        </button>
      )}
      <label class="select">
        <span class="visually-hidden">Refresh every</span>
        <select value={refresh} onChange={(event) => go({ refresh: Number(event.currentTarget.value) })}>
          {choicesWith<number>(REFRESHES, refresh, Number).map((seconds) => (
            <option key={seconds} value={seconds}>
              {seconds} s
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        class="pause"
        aria-pressed={paused}
        onClick={() => go({ paused: !paused, range: null })}
        title="Pause or go on (p)"
      >
        {paused ? '▶ Resume' : '❚❚ Pause'}
      </button>
      <button
        type="button"
        class="icon"
        onClick={() => void reload()}
        title="Read everything anew (r)"
        aria-label="Refresh now"
      >
        ↻
      </button>
      <button
        type="button"
        class="icon"
        onClick={() => go({ theme: isDark.value ? 'light' : 'dark' })}
        aria-label={isDark.value ? 'Light colours' : 'Dark colours'}
        title={isDark.value ? 'Light colours' : 'Dark colours'}
      >
        {isDark.value ? '☀' : '☾'}
      </button>
      <button
        type="button"
        class="icon"
        onClick={() => {
          helpOpen.value = true;
        }}
        aria-label="Help and keys"
        title="Help and keys (?)"
      >
        ?
      </button>
    </header>
  );
}

/** Follows a link inside the page; with a modifier key the browser opens it as it always does. */
export const follow =
  (act: () => void) =>
  (event: MouseEvent): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0) return;
    event.preventDefault();
    act();
  };

function Connection() {
  const { paused, refresh } = address.value;
  const state = liveState.value;
  const points = heldPoints.value;
  return (
    <>
      {paused && points > 0 && (
        <button
          type="button"
          class="chip"
          onClick={() => go({ paused: false, range: null })}
          title="Show them"
        >
          {formatCount(points)} new {points === 1 ? 'point' : 'points'}
        </button>
      )}
      <span class={`connection ${paused ? 'paused' : state.kind}`} aria-live="polite" role="status">
        <span class="dot" aria-hidden="true" />
        {paused ? 'Paused' : words(state, refresh)}
      </span>
    </>
  );
}

function words(state: LiveState, refresh: number): string {
  switch (state.kind) {
    case 'live':
      return 'Live';
    case 'connecting':
      return 'Connecting …';
    case 'polling':
      return `Polling every ${refresh} s`;
    case 'waiting':
      // Not a count-down: a screen reader would read every second of it.
      return state.retryAt - now.value > 5000 ? 'Hub unreachable, trying again' : 'Reconnecting …';
    default:
      return 'Asleep';
  }
}
