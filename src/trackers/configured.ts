import { type PlatformName, PLATFORMS } from './platforms.ts';
import type { TrackerOptions } from './tracker-options.ts';

/** `experiment_tracking` of monitoring.yaml: `platform`, `platforms` and a section a platform, in snake_case. */
export interface ExperimentTracking {
  readonly platform?: string | undefined;
  readonly platforms?: readonly string[] | undefined;
  readonly [section: string]: unknown;
}

/**
 * The trackers that a configuration asks for: the one of `platform`, those of `platforms` for `multi` (or when only
 * those are named). None without either.
 * @throws TypeError for `multi` without `platforms`, and for a platform that is not there.
 */
export function configuredTrackers(section: ExperimentTracking | undefined): TrackerOptions[] {
  if (!section) return [];
  const { platform, platforms } = section;
  if (platform === 'multi' && (platforms === undefined || platforms.length === 0))
    throw new TypeError(
      'experiment_tracking: platform is multi, so platforms must list some, such as [mlflow, local].',
    );
  const names = platform === undefined || platform === 'multi' ? (platforms ?? []) : [platform];
  return [...new Set(names)].map((name) => {
    if (!Object.hasOwn(PLATFORMS, name))
      throw new TypeError(
        `experiment_tracking: there is no tracker ${JSON.stringify(name)}; those there are: ${Object.keys(PLATFORMS).join(', ')}.`,
      );
    return { platform: name as PlatformName, ...camelCased(section[name]) };
  });
}

/** Keys of a section from snake_case to camelCase; its values as they are (a secret stays wrapped). */
function camelCased(section: unknown): Record<string, unknown> {
  if (typeof section !== 'object' || section === null) return {};
  return Object.fromEntries(
    Object.entries(section)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [
        key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
        value,
      ]),
  );
}
