import type { RunStatus, RunSummary } from '../../../conventions/hub-api.ts';

/** Running runs first, then the newest. */
export function orderRuns(runs: readonly RunSummary[]): RunSummary[] {
  const running = (run: RunSummary): number => (run.status === 'running' ? 0 : 1);
  return [...runs].sort(
    (a, b) => running(a) - running(b) || b.startedAt - a.startedAt || a.id.localeCompare(b.id),
  );
}

/** Runs of which every word of `search` is in name, project, group, id, status or a tag; case does not matter. */
export function searchRuns(runs: readonly RunSummary[], search: string): RunSummary[] {
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  if (words.length === 0) return [...runs];
  return runs.filter((run) => {
    const tags = Object.entries(run.tags).map(([name, value]) => tagText(name, value));
    const text = [run.name, run.project, run.group ?? '', run.id, run.status, ...tags]
      .join('\n')
      .toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** A tag in words: the name alone when it is only set, `name=value` otherwise. */
export const tagText = (name: string, value: unknown): string =>
  value === true || value === '' || value === null
    ? name
    : `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`;

/** How a status is shown: by a word and a tone, the dot only helps. */
export const STATUS_TONE: Record<RunStatus, 'good' | 'bad' | 'warn' | 'live'> = {
  running: 'live',
  finished: 'good',
  failed: 'bad',
  killed: 'warn',
  interrupted: 'warn',
};
