import { useRef } from 'preact/hooks';
import type { JsonValue, RunDetail, RunSummary } from '../../../conventions/hub-api.ts';
import { api } from '../data/api.ts';
import { entryOf } from '../data/catalogue.ts';
import { useQuery } from '../data/query.ts';
import { formatAge, formatDateTime, formatDuration, formatTime } from '../format/clock.ts';
import { type DisplayUnit, displayUnit, formatCount, formatQuantity } from '../format/quantity.ts';
import { fromJsonNumber } from '../series/columns.ts';
import { machineFacts } from '../series/machine-facts.ts';
import { STATUS_TONE } from '../series/run-order.ts';
import { clockOffset } from '../data/hub.ts';
import { address, go, now, selectRun } from '../state/view.ts';
import { durationOf, Status } from './run-list.tsx';
import { Trackers, trackersBehind } from './run-trackers.tsx';
import { Values } from './values.tsx';
import { NumberColumns } from './number-columns.tsx';

/** Who the shown runs are: name, status, progress; for one run also where it stands. */
export function RunHead({ runs }: { runs: readonly RunSummary[] }) {
  const [run, ...others] = runs;
  if (run === undefined) return null;
  if (others.length > 0) {
    return (
      <section class="card run-head" aria-label="Selected runs">
        <h2>{runs.length} runs compared</h2>
        <ul class="chips">
          {runs.map((one) => (
            <li key={one.id}>
              <button
                type="button"
                class="chip"
                onClick={() => selectRun(one.id)}
                title={`Take ${one.name} out`}
              >
                <span class={`status ${STATUS_TONE[one.status]}`}>
                  <span class="dot" aria-hidden="true" />
                </span>
                {one.name} ×
              </button>
            </li>
          ))}
        </ul>
      </section>
    );
  }
  const facts: [string, string][] = [
    ['Project', run.project],
    ...(run.group === null ? [] : [['Group', run.group] as [string, string]]),
    ['Last step', run.lastStep === null ? '—' : formatCount(run.lastStep)],
    ['Step records', formatCount(run.steps)],
    ['Duration', formatDuration(durationOf(run))],
    ['Started', formatDateTime(run.startedAt)],
    ['Last record', formatAge(now.value + clockOffset.value - run.updatedAt)],
    ['Attempt', String(run.attempt)],
    ['Ranks', run.worldSize > 1 ? `${run.ranks.length} of ${run.worldSize}` : '1'],
  ];
  return (
    <section class="card run-head" aria-label={`Run ${run.name}`}>
      <h2 title={run.id}>{run.name}</h2>
      <Status run={run} />
      {run.nonFinite > 0 && <span class="nan-chip">✕ {formatCount(run.nonFinite)} NaN</span>}
      <span class="spacer" />
      {address.value.runs.length > 0 && (
        <button type="button" class="quiet" onClick={() => go({ runs: [], zoom: null })}>
          Clear selection
        </button>
      )}
      <LastError run={run} />
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd title={value}>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** What the run said last when it went wrong: the first question about a run that failed. */
function LastError({ run }: { run: RunSummary }) {
  const ended = run.status !== 'running' && run.status !== 'finished';
  const { data } = useQuery(`error of ${run.id} ${run.status}`, ended, (_span, signal) =>
    api.run(run.id, signal),
  );
  const note = data?.id === run.id ? data.notes.findLast(({ severity }) => severity === 'error') : undefined;
  if (note === undefined || !ended) return null;
  return (
    <p class="notice bad last-error">
      <time dateTime={new Date(note.time).toISOString()}>{formatTime(note.time)}</time> {note.text}
    </p>
  );
}

/** Parameters, tags, notes, artifacts and the completeness of one run. */
export function RunDetails({ run }: { run: RunSummary }) {
  // Trackers catch up without a word of the run's own.
  const catchingUp = useRef(false);
  const interval = Math.floor(now.value / (address.value.refresh * 1000));
  const look = catchingUp.current ? interval : '';
  const { data, error } = useQuery(`run ${run.id} ${run.status} ${look}`, true, (_span, signal) =>
    api.run(run.id, signal),
  );
  catchingUp.current = data !== undefined && trackersBehind(data) > 0;
  if (error !== null) return <p class="card notice bad">{error}</p>;
  if (data === undefined) return <p class="card empty muted">Reading …</p>;
  return (
    <div class="grid details">
      <Values title="Parameters" values={data.params} none="No parameters were recorded." />
      <Values
        title="Tags and source"
        values={{ ...tagsOf(data), ...data.source }}
        none="No tags, no source."
      />
      {Object.keys(data.machine).length > 0 && <Values title="Machine" values={machineFacts(data.machine)} />}
      <LastValues run={data} />
      <Notes run={data} />
      <Artifacts run={data} />
      <Records run={data} />
      {data.sinks.length > 0 && <Trackers run={data} />}
    </div>
  );
}

const tagsOf = (run: RunDetail): Record<string, JsonValue> => ({ ...run.tags });

function unitOf(key: string): DisplayUnit {
  const entry = entryOf(key);
  return entry === undefined ? '1' : displayUnit(entry);
}

function LastValues({ run }: { run: RunDetail }) {
  return (
    <section class="card wide" aria-label="Values">
      <header class="card-head">
        <h3>Values</h3>
        <span class="badge">{run.keys.length}</span>
      </header>
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Last, lowest and highest values">
        <table>
          <thead>
            <tr>
              {['Key', 'Last', 'Lowest', 'Highest', 'Points'].map((name, i) => (
                <th scope="col" class={i > 0 ? 'number' : undefined} key={name}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {run.keys.map((key) => (
              <tr key={key.key}>
                <th scope="row" title={key.key}>
                  {key.key}
                </th>
                {[key.last, key.min, key.max].map((value, i) => (
                  <td
                    class="number"
                    key={i}
                    title={value?.step == null ? undefined : `at step ${value.step}`}
                  >
                    {value === null
                      ? '—'
                      : formatQuantity(fromJsonNumber(value.value), unitOf(key.key), true)}
                  </td>
                ))}
                <td class="number">
                  {formatCount(key.points)}
                  {key.nonFinite > 0 && <span class="nan-chip">✕ {formatCount(key.nonFinite)}</span>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Notes({ run }: { run: RunDetail }) {
  return (
    <section class="card" aria-label="Notes">
      <header class="card-head">
        <h3>Notes</h3>
        <span class="badge">{run.notes.length}</span>
      </header>
      {run.notes.length === 0 ? (
        <p class="empty muted">No notes.</p>
      ) : (
        <ul class="notes">
          {run.notes.toReversed().map((note, i) => (
            <li key={i} class={note.severity}>
              <time dateTime={new Date(note.time).toISOString()}>{formatTime(note.time)}</time>
              <span class="severity">{note.severity}</span>
              <span class="text">{note.text}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Artifacts({ run }: { run: RunDetail }) {
  return (
    <section class="card" aria-label="Artifacts">
      <header class="card-head">
        <h3>Artifacts</h3>
        <span class="badge">{run.artifacts.length}</span>
      </header>
      {run.artifacts.length === 0 ? (
        <p class="empty muted">No artifacts.</p>
      ) : (
        <div class="table-scroll" tabIndex={0} role="region" aria-label="Artifacts">
          <table>
            <tbody>
              {run.artifacts.map((artifact, i) => (
                <tr key={i}>
                  <th scope="row" title={`${artifact.path}\nsha256 ${artifact.sha256}`}>
                    {artifact.name}
                  </th>
                  <td>{artifact.kind}</td>
                  <td class="number">{formatQuantity(artifact.size, 'By')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Records({ run }: { run: RunDetail }) {
  const missing = run.records.reduce((sum, record) => sum + record.missing, 0);
  return (
    <section class="card" aria-label="Records">
      <header class="card-head">
        <h3>Records</h3>
        <span class={missing > 0 ? 'badge warn' : 'badge'}>
          {missing > 0 ? `${formatCount(missing)} missing` : 'complete'}
        </span>
      </header>
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Records by rank">
        <table>
          <thead>
            <tr>
              <NumberColumns names={['Rank', 'Stored', 'Highest', 'Missing']} />
            </tr>
          </thead>
          <tbody>
            {run.records.map((record) => (
              <tr key={record.rank} title={record.serviceInstanceId}>
                <th scope="row" class="number">
                  {record.rank}
                </th>
                <td class="number">{formatCount(record.stored)}</td>
                <td class="number">{formatCount(record.highestSeq)}</td>
                <td class={record.missing > 0 ? 'number bad' : 'number'}>{formatCount(record.missing)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {missing > 0 && (
        <p class="hint">
          Missing records are still on the machine that trained: llm-otel sync delivers them.
        </p>
      )}
    </section>
  );
}
