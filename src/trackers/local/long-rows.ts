import type { RunEndStatus } from '../../conventions/index.ts';
import { histogramBody } from '../histogram.ts';
import type { SinkArtifact, SinkMap, SinkRecord, SinkRun, SinkValue } from '../sink.ts';

/** `value` for what a step recorded; the rest as their names say. */
export type RowKind =
  | 'param'
  | 'tag'
  | 'value'
  | 'histogram'
  | 'note'
  | 'system'
  | 'console'
  | 'artifact'
  | 'end';

/** A run in long form, one value a row. Undefined: the row has no such thing. */
export interface LongRow {
  readonly seq: number | undefined;
  /** Milliseconds since the epoch. */
  readonly time: number | undefined;
  readonly kind: RowKind;
  readonly step: number | undefined;
  readonly epoch: number | undefined;
  readonly key: string;
  readonly value: SinkValue;
}

interface Place {
  readonly seq?: number | undefined;
  readonly time?: number | undefined;
  readonly step?: number;
  readonly epoch?: number | undefined;
}

export function runRows(run: SinkRun): LongRow[] {
  const place = { seq: 0, time: run.startedAt };
  return [...rows('param', run.params, place), ...rows('tag', run.tags, place)];
}

export function recordRows(record: SinkRecord): LongRow[] {
  switch (record.kind) {
    case 'step':
      return rows('value', record.values, record);
    case 'histogram':
      return rows('histogram', { [record.name]: histogramBody(record.histogram) }, record);
    case 'params':
      return rows('param', record.params, record);
    case 'tags':
      return rows('tag', record.tags, record);
    case 'note':
      return rows('note', { [record.severity]: record.text }, record);
    case 'system':
      return rows('system', record.values, { time: record.time, step: record.sample });
    default:
      return rows('console', { [record.stream]: record.text }, { time: record.time });
  }
}

export function artifactRow(artifact: SinkArtifact): LongRow[] {
  const { name, kind, path, size, sha256, metadata } = artifact;
  return rows(
    'artifact',
    { [name]: { kind, path, size, sha256, metadata: metadata as SinkValue } },
    artifact,
  );
}

export function endRows(status: RunEndStatus, summary: SinkMap, endedAt: number | undefined): LongRow[] {
  const place = { time: endedAt };
  return [...rows('end', { status }, place), ...rows('end', summary, place)];
}

function rows(kind: RowKind, values: SinkMap, { seq, time, step, epoch }: Place): LongRow[] {
  return Object.keys(values).map((key) => ({
    seq,
    time,
    kind,
    step,
    epoch,
    key,
    value: values[key] ?? null,
  }));
}
