import type { RunSink } from '../sink.ts';

/** What a sink's progress is kept under: the same place gets what it lacks, another one everything. */
export function sinkKey({ name, target }: Pick<RunSink, 'name' | 'target'>): string {
  return target === undefined ? name : `${name} ${target}`;
}

/** A sink, for people. */
export function sinkPlace({ name, target }: Pick<RunSink, 'name' | 'target'>): string {
  return target === undefined ? name : `${name} (${target})`;
}
