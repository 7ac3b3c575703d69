import type { SinkRecord } from '../sink.ts';
import { MAX_TAG } from './tags.ts';

type Note = Extract<SinkRecord, { kind: 'note' }>;

const MARKS: Readonly<Record<string, string>> = { error: '**Error:** ', warning: '**Warning:** ' };

/** A note as a line of Markdown. */
export function noteLine({ time, severity, text }: Note): string {
  const when = `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
  return `- ${when}: ${MARKS[severity] ?? ''}${text.replaceAll(/\s*\n\s*/g, ' ')}`;
}

/** The newest lines that the run's description holds, oldest first. */
export function fitNotes(lines: readonly string[]): string[] {
  const kept: string[] = [];
  let length = 0;
  for (const line of lines.toReversed()) {
    length += line.length + 1;
    if (length > MAX_TAG && kept.length > 0) break;
    kept.push(line);
  }
  return kept.toReversed();
}
