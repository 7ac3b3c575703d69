import { ATTR, EVENT, RUN_STATUSES, type RunEndStatus } from '../../conventions/index.ts';
import { readHistogram, type SinkMap, type SinkRecord, type SinkRun } from '../../trackers/index.ts';
import { textOf } from '../store/attributes.ts';
import { readMachine, readMap, readStepValues, type RunRecord, wholeOf } from '../store/runs/run-record.ts';
import type { SpoolEntry } from './spool.ts';

/** A run event as trackers understand it; `first`: it starts the run, so `sinkRun` tells what it says. */
export function spoolEntry(record: RunRecord, seq: number, first: boolean): SpoolEntry {
  const { event, time, attributes, body } = record;
  switch (event) {
    case EVENT.trainingStep: {
      const { values } = readStepValues(body);
      return {
        records: [{ kind: 'step', ...placeOf(record, seq), values: Object.fromEntries(values) }],
      };
    }
    case EVENT.trainingHistogram: {
      const histogram = readHistogram(readMap(body));
      if (!histogram) return { records: [] };
      const name = textOf(attributes[ATTR.histogramName]) ?? 'histogram';
      return { records: [{ kind: 'histogram', ...placeOf(record, seq), name, histogram }] };
    }
    case EVENT.runStart:
      return { starts: true, records: first ? [] : described(record, seq) };
    case EVENT.runParams:
      return { records: described(record, seq) };
    case EVENT.runNote:
      return {
        records: [
          {
            kind: 'note',
            seq,
            time,
            severity: textOf(attributes[ATTR.noteSeverity]) ?? 'info',
            text: textOf(body) ?? '',
          },
        ],
      };
    case EVENT.runArtifact:
      return {
        records: [],
        artifact: {
          seq,
          time,
          name: textOf(attributes[ATTR.artifactName]) ?? '',
          kind: textOf(attributes[ATTR.artifactKind]) ?? '',
          path: textOf(attributes[ATTR.artifactPath]) ?? '',
          size: wholeOf(attributes[ATTR.artifactSize], 0),
          sha256: textOf(attributes[ATTR.artifactSha256]) ?? '',
          metadata: readMap(body),
        },
      };
    case EVENT.runEnd: {
      const status = textOf(attributes[ATTR.runStatus]) as RunEndStatus;
      return {
        records: [],
        end: {
          status: RUN_STATUSES.includes(status) ? status : 'finished',
          summary: readMap(body),
          time,
        },
      };
    }
    default:
      return { records: [] };
  }
}

/** Where a step or a histogram belongs. */
function placeOf(
  { time, attributes }: RunRecord,
  seq: number,
): { seq: number; time: number; step: number; epoch: number | undefined } {
  const epoch = attributes[ATTR.trainingEpoch];
  return {
    seq,
    time,
    step: wholeOf(attributes[ATTR.trainingStep], 0),
    epoch: typeof epoch === 'number' ? epoch : undefined,
  };
}

function described({ time, attributes, body }: RunRecord, seq: number): SinkRecord[] {
  const params = readMap(body) as SinkMap;
  const tags = readMap(attributes[ATTR.runTags]) as SinkMap;
  return [
    ...(Object.keys(params).length > 0 ? [{ kind: 'params' as const, seq, time, params }] : []),
    ...(Object.keys(tags).length > 0 ? [{ kind: 'tags' as const, seq, time, tags }] : []),
  ];
}

/** Facts of a run, by its start; by what any record's resource says when the start did not come. */
export function sinkRun(record: RunRecord): SinkRun {
  const { resource, attributes } = record;
  const of = (name: string): string | undefined => textOf(attributes[name] ?? resource[name]);
  const isStart = record.event === EVENT.runStart;
  return {
    id: record.runId,
    name: of(ATTR.runName) ?? record.runId,
    project: of(ATTR.runProject) ?? '',
    group: of(ATTR.runGroup),
    rank: record.rank,
    worldSize: wholeOf(attributes[ATTR.worldSize] ?? resource[ATTR.worldSize], 1),
    attempt: record.attempt,
    startedAt: record.time,
    params: isStart ? readMap(record.body) : {},
    tags: isStart ? readMap(attributes[ATTR.runTags]) : {},
    source: isStart ? readMap(attributes[ATTR.runSource]) : {},
    host: of(ATTR.hostName),
    pid: wholeOf(resource[ATTR.processPid], 0) || undefined,
    machine: readMachine(resource),
  };
}

/** Trackers that the run's own process forwards to. */
export function forwardedBy({ resource, attributes }: RunRecord): string[] {
  const text = textOf(resource[ATTR.runForwarded] ?? attributes[ATTR.runForwarded]) ?? '';
  return text.split(',').filter((name) => name !== '');
}
