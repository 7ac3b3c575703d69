import { type JsonNumber, RUN_STATUSES, type RunEndStatus } from '../conventions/index.ts';
import type { RunSink, SinkRecord } from '../trackers/index.ts';
import type { HubClient } from './hub-client.ts';

type Step = Extract<SinkRecord, { kind: 'step' }>;

const BATCH = 500;

/**
 * Writes what a hub holds of one rank of a run into a sink. The API gives one column a key: values of the same step
 * and time are one record again. `seq` counts what is written, since the API does not tell the records' own.
 * @returns number of step records
 */
export async function exportRun(hub: HubClient, id: string, rank: number, sink: RunSink): Promise<number> {
  const run = await hub.run(id);
  const steps = await stepsOf(
    hub,
    id,
    rank,
    run.keys.map(({ key }) => key),
  );
  await sink.open({
    id: run.id,
    name: run.name,
    project: run.project,
    group: run.group ?? undefined,
    rank,
    worldSize: run.worldSize,
    attempt: run.attempt,
    startedAt: run.startedAt,
    params: run.params,
    tags: run.tags,
    source: run.source,
  });
  const notes = run.notes
    .filter((note) => note.rank === rank)
    .map(({ time, severity, text }): SinkRecord => ({ kind: 'note', seq: 0, time, severity, text }));
  const records = [...steps, ...notes]
    .sort((a, b) => a.time - b.time)
    .map((record, seq) => ({ ...record, seq }));
  for (let at = 0; at < records.length; at += BATCH) await sink.write(records.slice(at, at + BATCH));
  for (const artifact of run.artifacts) {
    if (artifact.rank === rank)
      await sink.artifact({ ...artifact, seq: records.length, metadata: artifact.metadata });
  }
  await sink.close(endStatus(run.status), run.summary);
  return steps.length;
}

async function stepsOf(hub: HubClient, id: string, rank: number, keys: readonly string[]): Promise<Step[]> {
  const steps = new Map<string, Step>();
  for (const key of keys) {
    const { step, time, value } = await hub.series(id, key, rank);
    // A step that was recorded twice at one time with the same key: the second goes into a record of its own.
    const seen = new Map<string, number>();
    for (let i = 0; i < time.length; i++) {
      const at = `${step[i]}@${time[i]}`;
      const repeat = seen.get(at) ?? 0;
      seen.set(at, repeat + 1);
      const place = `${at}#${repeat}`;
      let record = steps.get(place);
      if (!record) {
        record = {
          kind: 'step',
          seq: 0,
          time: time[i] as number,
          step: step[i] ?? 0,
          epoch: undefined,
          values: {},
        };
        steps.set(place, record);
      }
      (record.values as Record<string, number>)[key] = numberOf(value[i] as JsonNumber);
    }
  }
  return [...steps.values()];
}

function numberOf(value: JsonNumber): number {
  return typeof value === 'number' ? value : Number(value);
}

function endStatus(status: string): RunEndStatus | undefined {
  if (status === 'interrupted') return 'killed';
  return RUN_STATUSES.find((known) => known === status);
}
