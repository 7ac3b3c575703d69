import { hostname } from 'node:os';
import type { SinkRun } from '../sink.ts';

/**
 * A name that TensorBoard takes for an event file, and in whose order it reads several (by the second in it).
 * `writer` tells files of one second apart.
 */
export function eventFileName(run: SinkRun, startedAt: number, writer: string): string {
  const seconds = String(Math.floor(startedAt / 1000)).padStart(10, '0');
  const host = (run.host ?? hostname()).replaceAll(/[^\w.-]/g, '_');
  return `events.out.tfevents.${seconds}.${host}.${writer}`;
}

/** The second in such a name; 0 for another name. */
export function secondsOf(name: string): number {
  return Number(/^events\.out\.tfevents\.(\d+)\./.exec(name)?.[1] ?? 0);
}
