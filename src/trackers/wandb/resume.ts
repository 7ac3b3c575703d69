import type { SinkMap } from '../sink.ts';
import { SinkRefused } from '../sink-errors.ts';
import type { WandbClient } from './client.ts';
import type { WandbSettings } from './config.ts';
import { type ResumeBucket, RUN_RESUME_STATUS } from './graphql.ts';
import type { StreamState } from './stream-draft.ts';
import { parseWandbJson } from './wandb-json.ts';

/** A run that another program wrote, and this one goes on with. */
export interface ResumedRun {
  readonly bucket: string;
  readonly config: string | undefined;
  readonly tags: readonly string[];
  readonly stream: StreamState;
}

/**
 * Looks for the run of a chosen id. Undefined: there is none.
 * @throws SinkRefused when `resume` says that it must, or must not, be there.
 */
export async function resumedRun(
  client: WandbClient,
  place: { readonly entity: string | null; readonly project: string; readonly name: string },
  { resume }: Pick<WandbSettings, 'resume'>,
  signal?: AbortSignal,
): Promise<ResumedRun | undefined> {
  const data = (await client.graphql('RunResumeStatus', RUN_RESUME_STATUS, place, signal)) as {
    model: { bucket: ResumeBucket | null } | null;
  };
  const bucket = data.model?.bucket ?? undefined;
  if (!bucket) {
    if (resume === 'must')
      throw new SinkRefused(
        `the run ${place.name} is not at W&B, and WANDB_RESUME is must: check WANDB_RUN_ID`,
      );
    return undefined;
  }
  if (resume === 'never')
    throw new SinkRefused(
      `the run ${place.name} is at W&B already, and WANDB_RESUME is never: choose another WANDB_RUN_ID`,
    );
  const tail = lastRow(bucket.historyTail);
  const timestamp = Number(tail['_timestamp']);
  const runtime = Number(tail['_runtime']);
  const last = Number(tail['_step']);
  return {
    bucket: bucket.id,
    config: bucket.config ?? undefined,
    tags: bucket.tags ?? [],
    stream: {
      // `_runtime` goes on from the last row
      startedAt:
        Number.isFinite(timestamp) && Number.isFinite(runtime) ? (timestamp - runtime) * 1000 : Date.now(),
      history: bucket.historyLineCount ?? 0,
      events: bucket.eventsLineCount ?? 0,
      output: bucket.logLineCount ?? 0,
      rows: { last: Number.isFinite(last) ? last : -1, open: null, shifted: false },
      summary: bucket.summaryMetrics ?? '{}',
    },
  };
}

/** The tail is a list of rows, each JSON text in JSON text. */
function lastRow(tail: string | null): SinkMap {
  if (tail === null) return {};
  const rows = parseWandbJson(tail);
  const last = Array.isArray(rows) ? rows.at(-1) : undefined;
  const row = typeof last === 'string' ? parseWandbJson(last) : last;
  return typeof row === 'object' && row !== null && !Array.isArray(row) ? row : {};
}
