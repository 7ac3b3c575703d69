import type { SinkArtifact } from '../sink.ts';

/** Where an artifact lies below the run's files: `artifacts/<kind>/<name>`, no way out of there. */
export function artifactFileName({ name, kind, path }: SinkArtifact): string {
  const safe = (text: string): string =>
    text
      .split(/[/\\]/)
      .filter((part) => part !== '' && part !== '.' && part !== '..')
      .join('/');
  const own = safe(name) || 'artifact';
  const extension = /\.[\w-]{1,12}$/.exec(path)?.[0] ?? '';
  return `artifacts/${safe(kind) || 'file'}/${/\.[\w-]{1,12}$/.test(own) ? own : own + extension}`;
}
