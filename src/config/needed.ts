import type { Monitoring } from './schema.ts';

type Path = readonly (string | number)[];

/**
 * Whether a value is used at all. A channel that is off, or a tracker that is not chosen, must not ask for its
 * secrets: the documented example is valid as it stands.
 */
export function isNeeded(path: Path, config: Partial<Monitoring>): boolean {
  const [section, part, name] = path;
  if (section === 'experiment_tracking' && typeof part === 'string' && isPlatform(part)) {
    const tracking = config.experiment_tracking ?? {};
    if (tracking.platform === 'multi') return tracking.platforms?.includes(part) ?? false;
    return tracking.platform === part;
  }
  if (section === 'alerts' && part === 'channels' && typeof name === 'string') {
    const channels = config.alerts?.channels as Record<string, { enabled?: boolean } | undefined> | undefined;
    return channels?.[name]?.enabled ?? true;
  }
  return true;
}

function isPlatform(name: string): name is 'wandb' | 'mlflow' | 'comet' | 'local' {
  return ['wandb', 'mlflow', 'comet', 'local'].includes(name);
}
