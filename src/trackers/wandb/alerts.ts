import type { SinkRecord } from '../sink.ts';
import type { WandbSettings } from './config.ts';

/** One title comes at most so often, milliseconds: what `wandb.alert` has by default. */
export const ALERT_WAIT_MS = 60_000;
const MAX_TITLE = 128;

/** By the severity of a note: rank, and W&B's own word for it. */
const LEVELS: Readonly<Record<string, { rank: number; level: 'INFO' | 'WARN' | 'ERROR' }>> = {
  debug: { rank: 0, level: 'INFO' },
  info: { rank: 1, level: 'INFO' },
  warn: { rank: 2, level: 'WARN' },
  warning: { rank: 2, level: 'WARN' },
  error: { rank: 3, level: 'ERROR' },
  critical: { rank: 3, level: 'ERROR' },
  fatal: { rank: 3, level: 'ERROR' },
};

export interface Alert {
  readonly seq: number;
  readonly title: string;
  readonly text: string;
  readonly level: 'INFO' | 'WARN' | 'ERROR';
}

/** The alert that a note is, when it is severe enough. */
export function alertOf(record: SinkRecord, least: WandbSettings['alerts']): Alert | undefined {
  if (record.kind !== 'note' || least === 'none') return undefined;
  const { rank, level } = LEVELS[record.severity.toLowerCase()] ?? { rank: 1, level: 'INFO' as const };
  if (rank < (LEVELS[least]?.rank ?? 2)) return undefined;
  const [first = ''] = record.text.split('\n', 1);
  return { seq: record.seq, title: first.slice(0, MAX_TITLE) || record.severity, text: record.text, level };
}
