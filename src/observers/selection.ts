import { DURATION_FORMAT, ENV, parseDuration } from '../conventions/index.ts';

export const OBSERVERS = ['host', 'runtime', 'gpu'] as const;
export type ObserverName = (typeof OBSERVERS)[number];

/** Observers that are wanted; milliseconds of an interval of their own. */
export type ObserverSelection = { readonly [Name in ObserverName]?: { readonly interval?: number } };

/**
 * Reads LLM_OTEL_OBSERVERS: names, each perhaps with its interval (`host:5s,gpu`), or `none`.
 * @throws TypeError for what it does not know.
 */
export function readSelection(text: string | undefined): ObserverSelection {
  const { name: variable, default: fallback } = ENV.observers;
  const selection: Record<string, { interval?: number }> = {};
  for (const entry of (text?.trim() || fallback).split(',').map((part) => part.trim())) {
    if (entry === '' || entry === 'none') continue;
    const [name = '', interval] = entry.split(':', 2);
    if (!OBSERVERS.some((known) => known === name))
      throw new TypeError(
        `${variable} names ${JSON.stringify(name)}; expected ${OBSERVERS.join(', ')} or none`,
      );
    const milliseconds = interval === undefined ? undefined : parseDuration(interval);
    if (interval !== undefined && milliseconds === undefined)
      throw new TypeError(
        `${variable} holds ${JSON.stringify(entry)}; expected ${name}, or ${name}: and ${DURATION_FORMAT}`,
      );
    selection[name] = milliseconds === undefined ? {} : { interval: milliseconds };
  }
  return selection;
}

/** As LLM_OTEL_OBSERVERS holds it. */
export function selectionText(selection: ObserverSelection): string {
  const entries = OBSERVERS.flatMap((name) => {
    const wanted = selection[name];
    if (!wanted) return [];
    return [wanted.interval === undefined ? name : `${name}:${wanted.interval}ms`];
  });
  return entries.join(',') || 'none';
}
