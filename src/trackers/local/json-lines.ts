import type { RunEndStatus } from '../../conventions/index.ts';
import type { SinkArtifact, SinkMap, SinkRecord, SinkRun } from '../sink.ts';
import { histogramBody } from '../histogram.ts';
import { exactJson } from './exact-json.ts';

/**
 * A run as JSON lines: `{"type": "run" | "step" | "histogram" | "params" | "tags" | "note" | "system" | "console" |
 * "artifact" | "end", ...}`. Times are milliseconds since the epoch; numbers are exact (`exactJson`).
 */
export const jsonLines = {
  run(run: SinkRun): string {
    const { id, name, project, group, rank, worldSize, attempt, startedAt, params, tags, source } = run;
    const { host, pid, machine } = run;
    return line('run', {
      id,
      name,
      project,
      group,
      rank,
      worldSize,
      attempt,
      time: startedAt,
      params,
      tags,
      source,
      host,
      pid,
      machine,
    });
  },
  record({ kind, ...record }: SinkRecord): string {
    if (!('histogram' in record)) return line(kind, record);
    const { histogram, ...place } = record;
    return line(kind, { ...place, ...histogramBody(histogram) });
  },
  // what kind of artifact it is stands in `kind`
  artifact: (artifact: SinkArtifact): string => line('artifact', artifact),
  end: (status: RunEndStatus, summary: SinkMap, endedAt: number | undefined): string =>
    line('end', { status, time: endedAt, summary }),
};

function line(type: string, fields: object): string {
  return `${exactJson({ type, ...fields })}\n`;
}
