import type { SinkHealth } from '../../conventions/index.ts';
import type { RunSink } from '../sink.ts';
import type { SinkProgress } from './progress.ts';
import type { SinkTrouble } from './trouble.ts';

export type { SinkHealth, SinkStatus } from '../../conventions/index.ts';

const SHOWN_REFUSALS = 10;

/** Puts together what is known of a sink. */
export function sinkHealth(
  sink: RunSink,
  { seq, refused, refusedTotal }: SinkProgress,
  { retried, lastError, lastErrorAt }: Pick<SinkTrouble, 'retried' | 'lastError' | 'lastErrorAt'>,
  counted: Pick<SinkHealth, 'status' | 'lag' | 'sent' | 'dropped' | 'lastSentAt'>,
): SinkHealth {
  return {
    sink: sink.name,
    target: sink.target ?? '',
    url: sink.url?.() ?? null,
    ...counted,
    acknowledged: seq,
    retried,
    refused: refusedTotal,
    refusals: refused.slice(-SHOWN_REFUSALS).map((record) => ({ ...record })),
    lastError: lastError ?? null,
    lastErrorAt: lastErrorAt ?? null,
  };
}
