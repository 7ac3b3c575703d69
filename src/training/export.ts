import { ATTR, EVENT, MACHINE_ATTRIBUTES, type RunEndStatus } from '../conventions/index.ts';
import {
  readHistogram,
  type RunSink,
  type SinkArtifact,
  type SinkMap,
  type SinkRecord,
  type SinkRun,
  type SinkValue,
} from '../trackers/index.ts';
import { type JournalEntry, type JournalProblem, readJournal } from './journal/reader.ts';
import { type JournalRecord, stepOf } from './journal/record.ts';

export interface ExportReport {
  /** Records that were written. */
  records: number;
  status: RunEndStatus | undefined;
  problems: JournalProblem[];
}

const BATCH = 500;

/**
 * Writes one rank's journal into a sink. The run is opened by its first start; a resumed run's further starts add
 * their parameters and tags. Rejects when the journal cannot be read or the sink does not take it.
 */
export async function exportJournal(dir: string, sink: RunSink): Promise<ExportReport> {
  const problems: JournalProblem[] = [];
  let batch: SinkRecord[] = [];
  let opened = false;
  let records = 0;
  let status: RunEndStatus | undefined;
  let summary: SinkMap = {};
  let endedAt: number | undefined;
  const flush = async (): Promise<void> => {
    const full = batch;
    batch = [];
    if (full.length > 0) await sink.write(full);
  };
  for await (const entry of readJournal(dir, { onProblem: (problem) => problems.push(problem) })) {
    const { event, body } = entry.record;
    records++;
    // a run goes on after its end when it was resumed
    if (event !== EVENT.runNote) status = undefined;
    if (!opened) {
      opened = true;
      await sink.open(sinkRun(entry));
      if (event === EVENT.runStart) continue;
    }
    if (event === EVENT.runEnd) {
      status = entry.record.attributes[ATTR.runStatus] as RunEndStatus;
      summary = mapOf(body);
      endedAt = entry.record.time;
    } else if (event === EVENT.runArtifact) {
      await flush();
      await sink.artifact(sinkArtifact(entry));
    } else {
      batch.push(...sinkRecords(entry));
      if (batch.length >= BATCH) await flush();
    }
  }
  if (opened) {
    await flush();
    await sink.close(status, summary, undefined, status === undefined ? undefined : endedAt);
  }
  return { records, status, problems };
}

export function mapOf(value: unknown): SinkMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as SinkMap) : {};
}

function textOf(value: unknown, missing = ''): string {
  if (value === undefined || value === null) return missing;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The run's facts, of its first record. */
export function sinkRun({ header, record }: Omit<JournalEntry, 'size'>): SinkRun {
  const { resource } = header;
  const isStart = record.event === EVENT.runStart;
  const group = resource[ATTR.runGroup];
  return {
    id: header.run,
    name: String(resource[ATTR.runName] ?? ''),
    project: String(resource[ATTR.runProject] ?? ''),
    group: group === undefined ? undefined : String(group),
    rank: header.rank,
    worldSize: Number(resource[ATTR.worldSize] ?? 1),
    attempt: header.attempt,
    startedAt: record.time,
    params: isStart ? mapOf(record.body) : {},
    tags: isStart ? mapOf(record.attributes[ATTR.runTags]) : {},
    source: isStart ? mapOf(record.attributes[ATTR.runSource]) : {},
    host: textOf(resource[ATTR.hostName]) || undefined,
    pid: Number(resource[ATTR.processPid]) || undefined,
    machine: Object.fromEntries(
      MACHINE_ATTRIBUTES.flatMap((name) => (name in resource ? [[name, resource[name] as SinkValue]] : [])),
    ),
  };
}

/** Where a step or a histogram belongs. */
function placeOf(record: JournalRecord): {
  seq: number;
  time: number;
  step: number;
  epoch: number | undefined;
} {
  const { seq, time, attributes } = record;
  const epoch = attributes[ATTR.trainingEpoch];
  return { seq, time, step: stepOf(record) ?? 0, epoch: typeof epoch === 'number' ? epoch : undefined };
}

/** The records of a sink that a journal's record becomes: none for one that a sink does not know. */
export function sinkRecords({ record }: Pick<JournalEntry, 'record'>): SinkRecord[] {
  const { seq, time, event, attributes, body } = record;
  switch (event) {
    case EVENT.trainingStep:
      return [{ kind: 'step', ...placeOf(record), values: mapOf(body) as Readonly<Record<string, number>> }];
    case EVENT.trainingHistogram: {
      const histogram = readHistogram(body);
      if (!histogram) return [];
      const name = textOf(attributes[ATTR.histogramName], 'histogram');
      return [{ kind: 'histogram', ...placeOf(record), name, histogram }];
    }
    case EVENT.runStart:
    case EVENT.runParams: {
      const params = mapOf(body);
      const tags = mapOf(attributes[ATTR.runTags]);
      return [
        ...(Object.keys(params).length > 0 ? [{ kind: 'params' as const, seq, time, params }] : []),
        ...(Object.keys(tags).length > 0 ? [{ kind: 'tags' as const, seq, time, tags }] : []),
      ];
    }
    case EVENT.runNote:
      return [
        {
          kind: 'note',
          seq,
          time,
          severity: textOf(attributes[ATTR.noteSeverity], 'info'),
          text: textOf(body),
        },
      ];
    default:
      return [];
  }
}

export function sinkArtifact({ record }: Pick<JournalEntry, 'record'>): SinkArtifact {
  const { seq, time, attributes, body } = record;
  return {
    seq,
    time,
    name: textOf(attributes[ATTR.artifactName]),
    kind: textOf(attributes[ATTR.artifactKind]),
    path: textOf(attributes[ATTR.artifactPath]),
    size: Number(attributes[ATTR.artifactSize] ?? 0),
    sha256: textOf(attributes[ATTR.artifactSha256]),
    metadata: mapOf(body),
  };
}
