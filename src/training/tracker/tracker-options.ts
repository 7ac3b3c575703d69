import { type OptionNames, unknownOptions } from '../../conventions/index.ts';
import {
  COMMON_TRACKER_OPTIONS,
  type CommonTrackerOptions,
  configuredTrackers,
  type PlatformName,
  type TrackerOptions,
} from '../../trackers/index.ts';
import { START_RUN_OPTIONS, type StartRunOptions } from '../run-options.ts';

type SectionOf<Name extends PlatformName> = Omit<
  Extract<TrackerOptions, { readonly platform: Name }>,
  'platform' | keyof CommonTrackerOptions
> &
  CommonTrackerOptions;

/** Options of each platform, by its name. */
export type PlatformSections = { readonly [Name in PlatformName]?: SectionOf<Name> };

/**
 * What `createTracker` takes: the platform, its options in a section of its name (as in monitoring.yaml, in
 * camelCase), what holds for every platform, and whatever `startRun` takes.
 */
export interface CreateTrackerOptions
  extends Omit<StartRunOptions, 'trackers'>,
    CommonTrackerOptions,
    PlatformSections {
  /** One platform, `multi` for those of `platforms`, `none` for the journal and the hub alone. */
  platform: PlatformName | 'multi' | 'none';
  platforms?: readonly PlatformName[];
}

const OPTIONS: OptionNames<CreateTrackerOptions> = {
  ...START_RUN_OPTIONS,
  platform: true,
  platforms: true,
  ...COMMON_TRACKER_OPTIONS,
  mlflow: true,
  local: true,
  wandb: true,
  comet: true,
};

/** What is for `startRun` of it, and a message for each option that nobody knows. */
export function runOptionsOf(options: CreateTrackerOptions): {
  options: Omit<StartRunOptions, 'trackers'>;
  unknown: string[];
} {
  const known = Object.entries(options).filter(([name]) => Object.hasOwn(START_RUN_OPTIONS, name));
  return {
    options: Object.fromEntries(known) as unknown as Omit<StartRunOptions, 'trackers'>,
    unknown: unknownOptions('createTracker', options, OPTIONS),
  };
}

/**
 * The trackers that a run is started with.
 * @throws TypeError for a platform that is not there, and for `multi` without `platforms`.
 */
export function trackersOf(options: CreateTrackerOptions): TrackerOptions[] {
  const { platform, configExcludeKeys, logInterval, onSinkError, ranks } = options;
  if (platform === 'none') return [];
  const common: CommonTrackerOptions = {
    ...(configExcludeKeys === undefined ? {} : { configExcludeKeys }),
    ...(logInterval === undefined ? {} : { logInterval }),
    ...(onSinkError === undefined ? {} : { onSinkError }),
    ...(ranks === undefined ? {} : { ranks }),
  };
  // a section may say it otherwise for its platform
  return configuredTrackers({ ...options }).map((tracker) => ({ ...common, ...tracker }));
}
