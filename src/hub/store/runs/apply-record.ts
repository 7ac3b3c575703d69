import { ATTR, EVENT, type JsonValue } from '../../../conventions/index.ts';
import { type Histogram, readHistogram } from '../../../trackers/index.ts';
import { textOf, toJson } from '../attributes.ts';
import { LIMITS } from '../limits.ts';
import { addToIntervals } from './intervals.ts';
import { addValue, noteProcess, rankOf, type RankState, type RunState } from './run-state.ts';
import {
  readMachine,
  readMap,
  readMapAttribute,
  readStepValues,
  type RunRecord,
  wholeOf,
} from './run-record.ts';

/** Numberless records of a rank whose identity is remembered. */
const REMEMBERED = 2000;

export interface Step {
  step: number | null;
  time: number;
  values: [key: string, value: number][];
}
export interface StepHistogram {
  name: string;
  step: number | null;
  epoch: number | null;
  histogram: Histogram;
}
export type RecordOutcome =
  | { stored: false }
  | { stored: true; step?: Step; histogram?: StepHistogram; rejected?: { reason: string; count: number } };

/**
 * Takes one record into the state of its run; the values of a step are returned for its series. A record that
 * was stored before changes nothing. Any order of arrival gives the same state, save what the newest of two
 * equal times is.
 */
export function applyRunRecord(run: RunState, record: RunRecord): RecordOutcome {
  const rank = rankOf(run, record.rank);
  if (!isNew(rank, record)) {
    run.arrival = Math.max(run.arrival, record.arrival);
    return { stored: false };
  }
  rank.stored++;
  describe(run, rank, record);
  const apply = EVENTS[record.event];
  return apply === undefined ? { stored: true } : apply(run, record, rank);
}

function isNew(rank: RankState, record: RunRecord): boolean {
  if (record.seq !== undefined) return addToIntervals(rank.seqs, record.seq);
  const identity = JSON.stringify([
    record.event,
    record.time,
    toJson(record.attributes),
    toJson(record.body),
  ]);
  if (rank.unnumbered.includes(identity)) return false;
  rank.unnumbered.push(identity);
  if (rank.unnumbered.length > REMEMBERED) rank.unnumbered.splice(0, REMEMBERED / 2);
  return true;
}

/** What every record says of its run by its resource. */
function describe(run: RunState, rank: RankState, record: RunRecord): void {
  const { resource, attributes } = record;
  const of = (name: string): string | undefined => textOf(attributes[name] ?? resource[name]);
  run.name = of(ATTR.runName) ?? run.name;
  run.project = of(ATTR.runProject) ?? run.project;
  run.group = of(ATTR.runGroup) ?? run.group;
  run.serviceName = textOf(resource[ATTR.serviceName]) ?? run.serviceName;
  run.worldSize = Math.max(run.worldSize, wholeOf(attributes[ATTR.worldSize] ?? resource[ATTR.worldSize], 1));
  const { [ATTR.serviceInstanceId]: instance, [ATTR.launchId]: launch } = resource;
  const instanceId = textOf(instance);
  if (instanceId && instanceId !== rank.instanceId) {
    rank.instanceId = instanceId;
    noteProcess(run, ATTR.serviceInstanceId, instanceId);
  }
  const launchId = textOf(launch);
  if (launchId && launchId !== rank.launchId) {
    rank.launchId = launchId;
    noteProcess(run, ATTR.launchId, launchId);
  }
  run.attempt = Math.max(run.attempt, record.attempt);
  run.updatedAt = Math.max(run.updatedAt, record.time);
  run.arrival = Math.max(run.arrival, record.arrival);
  if (!run.hasStart) run.startedAt = Math.min(run.startedAt, record.time);
}

/** Params, tags and source of a start or params event; an older record that comes later changes no newer value. */
function describeWork(run: RunState, { time, body, attributes }: RunRecord): void {
  const newer = time >= run.describedAt;
  run.describedAt = Math.max(run.describedAt, time);
  const merge = (
    known: Record<string, JsonValue>,
    added: Record<string, JsonValue>,
  ): Record<string, JsonValue> => (newer ? { ...known, ...added } : { ...added, ...known });
  run.params = merge(run.params, readMap(body));
  run.tags = merge(run.tags, readMapAttribute(attributes, ATTR.runTags));
  run.source = merge(run.source, readMapAttribute(attributes, ATTR.runSource));
}

function describeMachine(run: RunState, { rank, time, resource }: RunRecord): void {
  const { machine } = run;
  if (machine !== null && (rank > machine.rank || (rank === machine.rank && time < machine.time))) return;
  const facts = readMachine(resource);
  if (Object.keys(facts).length > 0) run.machine = { rank, time, facts };
}

type Apply = (run: RunState, record: RunRecord, rank: RankState) => RecordOutcome;

const EVENTS: Readonly<Record<string, Apply>> = {
  [EVENT.runStart](run, record) {
    const { time } = record;
    // The first start is the run's; a resumed attempt or another rank starts later.
    run.startedAt = run.hasStart ? Math.min(run.startedAt, time) : time;
    run.hasStart = true;
    describeMachine(run, record);
    describeWork(run, record);
    return { stored: true };
  },

  [EVENT.runParams](run, record) {
    describeWork(run, record);
    return { stored: true };
  },

  [EVENT.trainingStep](run, record) {
    const number = wholeOf(record.attributes[ATTR.trainingStep], -1);
    const step = number < 0 ? null : number;
    const { values, skipped } = readStepValues(record.body);
    const epoch = readStepValues({ 'train/epoch': record.attributes[ATTR.trainingEpoch] ?? null }).values;
    if (!values.some(([key]) => key === 'train/epoch')) values.push(...epoch);
    run.steps++;
    if (step !== null && (run.lastStep === null || step > run.lastStep)) run.lastStep = step;
    const room = LIMITS.runKeys - run.keys.size;
    let kept = values;
    if (values.length > room) kept = withinRoom(run, values, room);
    for (const [key, value] of kept) addValue(run, key, step, record.time, value);
    const lost = values.length - kept.length;
    return {
      stored: true,
      step: { step, time: record.time, values: kept },
      rejected:
        lost > 0
          ? { reason: `step values beyond ${LIMITS.runKeys} keys of a run`, count: lost }
          : skipped > 0
            ? { reason: 'step values that are no numbers', count: skipped }
            : undefined,
    };
  },

  [EVENT.trainingHistogram](run, { attributes, body }) {
    const histogram = readHistogram(readMap(body));
    if (!histogram)
      return { stored: true, rejected: { reason: 'histograms without bins that fit', count: 1 } };
    if (run.histograms >= LIMITS.runHistograms) {
      const reason = `histograms beyond ${LIMITS.runHistograms} of a run`;
      return { stored: true, rejected: { reason, count: 1 } };
    }
    run.histograms++;
    const step = wholeOf(attributes[ATTR.trainingStep], -1);
    const epoch = attributes[ATTR.trainingEpoch];
    return {
      stored: true,
      histogram: {
        name: textOf(attributes[ATTR.histogramName]) ?? 'histogram',
        step: step < 0 ? null : step,
        epoch: typeof epoch === 'number' && Number.isFinite(epoch) ? epoch : null,
        histogram,
      },
    };
  },

  [EVENT.runArtifact](run, { time, rank, attributes, body }) {
    if (run.artifacts.length >= LIMITS.runNotes) {
      return { stored: true, rejected: { reason: `artifacts beyond ${LIMITS.runNotes} of a run`, count: 1 } };
    }
    run.artifacts.push({
      time,
      rank,
      name: textOf(attributes[ATTR.artifactName]) ?? '',
      kind: textOf(attributes[ATTR.artifactKind]) ?? '',
      path: textOf(attributes[ATTR.artifactPath]) ?? '',
      size: wholeOf(attributes[ATTR.artifactSize], 0),
      sha256: textOf(attributes[ATTR.artifactSha256]) ?? '',
      metadata: readMap(body),
    });
    return { stored: true };
  },

  [EVENT.runNote](run, { time, rank, attributes, body, severityNumber }) {
    if (run.notes.length >= LIMITS.runNotes) {
      return { stored: true, rejected: { reason: `notes beyond ${LIMITS.runNotes} of a run`, count: 1 } };
    }
    const severity = textOf(attributes[ATTR.noteSeverity]) ?? severityName(severityNumber);
    run.notes.push({ time, rank, severity, text: textOf(body) ?? '' });
    return { stored: true };
  },

  [EVENT.runEnd](run, { time, attempt, attributes, resource, body }, rank) {
    if (rank.end === null || attempt >= rank.end.attempt) {
      rank.end = {
        attempt,
        status: textOf(attributes[ATTR.runStatus]) ?? 'finished',
        interrupted: textOf(attributes[ATTR.runInterrupted] ?? resource[ATTR.runInterrupted]) === 'true',
        time,
      };
    }
    Object.assign(run.summary, readMap(body));
    return { stored: true };
  },
};

function withinRoom(run: RunState, values: [string, number][], room: number): [string, number][] {
  let left = room;
  return values.filter(([key]) => run.keys.has(key) || left-- > 0);
}

/** OpenTelemetry severity ranges: 1-4 trace, 5-8 debug, 9-12 info, 13-16 warn, 17-20 error, 21-24 fatal. */
function severityName(number: number): string {
  return number >= 21
    ? 'fatal'
    : number >= 17
      ? 'error'
      : number >= 13
        ? 'warn'
        : number >= 9 || number === 0
          ? 'info'
          : 'debug';
}
