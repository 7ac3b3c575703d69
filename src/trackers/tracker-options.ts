import { type OptionNames, unknownOptions } from '../conventions/index.ts';
import type { TrackerDescription } from './forwarder/cursor-file.ts';
import type { Selection } from './forwarder/selection.ts';
import { createSelector } from './forwarder/selection.ts';
import type { Platform, PlatformContext } from './platform.ts';
import { type PlatformName, PLATFORMS } from './platforms.ts';
import type { RunSink, SinkRun } from './sink.ts';

/** What every tracker may be told, whatever it is. */
export interface CommonTrackerOptions extends Selection {
  /**
   * What a tracker that fails does to the program.
   * - `spool` (default): nothing. Its records wait in the journal and are sent when it is back.
   * - `warn`: nothing either, but it is given up after five failures in a row; `llm-otel sync` sends the rest.
   * - `throw`: `startRun` rejects when it cannot be opened, `finish()` when it has not taken everything.
   */
  readonly onSinkError?: 'spool' | 'warn' | 'throw';
  /** Whose records are sent: those of rank 0 (`first`, default), or every rank's, each as a run of its own (`all`). */
  readonly ranks?: 'first' | 'all';
}

type OptionsOf<Name extends PlatformName> = Parameters<(typeof PLATFORMS)[Name]['createSink']>[0];

/** One tracker of a run: a platform by name and its options, or a sink of the program's own. */
export type TrackerOptions =
  | {
      [Name in PlatformName]: { readonly platform: Name } & OptionsOf<Name> & CommonTrackerOptions;
    }[PlatformName]
  | ({ readonly sink: (run: Pick<SinkRun, 'id' | 'rank'>) => RunSink } & CommonTrackerOptions);

/** A tracker, ready to be given to runs. */
export interface Tracker {
  /** Platform, or `sink` for one of the program's own until it is made. */
  readonly name: string;
  readonly selection: Selection;
  readonly onSinkError: 'spool' | 'warn' | 'throw';
  readonly ranks: 'first' | 'all';
  /** It was told to have what the program prints (`console: 'wrap'`), which must then be captured. */
  readonly wantsConsole?: boolean;
  /** What it takes to make it again in another process; undefined for a sink of the program's own. No secrets. */
  readonly description?: TrackerDescription;
  /** A sink for one rank of a run; undefined when the platform is switched off. */
  create(run: Pick<SinkRun, 'id' | 'rank'>): RunSink | undefined;
}

export const COMMON_TRACKER_OPTIONS: OptionNames<CommonTrackerOptions> = {
  onSinkError: true,
  ranks: true,
  configExcludeKeys: true,
  logInterval: true,
};
const ON_SINK_ERROR = ['spool', 'warn', 'throw'] as const;
const RANKS = ['first', 'all'] as const;

/**
 * Reads what a program or a configuration says about trackers, with no effects yet.
 * @throws TypeError for an unknown platform and for options that cannot be.
 */
export function readTrackers(trackers: readonly TrackerOptions[], context: PlatformContext): Tracker[] {
  if (!Array.isArray(trackers))
    throw new TypeError(
      `trackers must be a list, such as [{platform: 'mlflow'}], got ${JSON.stringify(trackers)}.`,
    );
  return trackers.map((options: TrackerOptions, index) => {
    if (typeof options !== 'object' || options === null)
      throw new TypeError(
        `trackers[${index}] must be an object such as {platform: 'mlflow'}, got ${JSON.stringify(options)}.`,
      );
    const { onSinkError = 'spool', ranks = 'first', configExcludeKeys, logInterval } = options;
    oneOf('onSinkError', onSinkError, ON_SINK_ERROR);
    oneOf('ranks', ranks, RANKS);
    const selection: Selection = {
      ...(configExcludeKeys === undefined ? {} : { configExcludeKeys }),
      ...(logInterval === undefined ? {} : { logInterval }),
    };
    // told now rather than when the first run starts
    createSelector(selection);
    const base = { selection, onSinkError, ranks };
    if ('sink' in options) return { ...base, name: 'sink', create: options.sink };
    const platform = platformOf(options.platform);
    const known = {
      platform: true,
      ...COMMON_TRACKER_OPTIONS,
      ...PLATFORMS[options.platform].options,
    } as const;
    for (const message of unknownOptions(`The tracker ${options.platform}`, options, known))
      context.warn(message);
    return {
      ...base,
      name: options.platform,
      wantsConsole: 'console' in options && options.console === 'wrap',
      description: description(options),
      create: () => platform(options, context),
    };
  });
}

const SECRET = /key$|password|secret|token|credential/i;

/** The options that can be written down: plain values, and none that may be a secret (those come from the environment). */
function description(options: { readonly platform: string }): TrackerDescription {
  const plain = Object.entries(options).filter(([name, value]) => !SECRET.test(name) && isPlain(value));
  return {
    platform: options.platform,
    ...Object.fromEntries(
      plain.map(([name, value]) => [
        name,
        typeof value === 'string' ? value.replace(/\/\/[^/@]*@/, '//') : value,
      ]),
    ),
  };
}

function isPlain(value: unknown): boolean {
  return Array.isArray(value) ? value.every(isPlain) : ['string', 'number', 'boolean'].includes(typeof value);
}

function platformOf(name: string): (options: object, context: PlatformContext) => RunSink | undefined {
  if (!Object.hasOwn(PLATFORMS, name))
    throw new TypeError(
      `There is no tracker ${JSON.stringify(name)}; those there are: ${Object.keys(PLATFORMS).join(', ')}.`,
    );
  const platform: Platform<never> = PLATFORMS[name as PlatformName];
  return (options, context) => platform.createSink(options as never, context);
}

function oneOf(option: string, value: string, values: readonly string[]): void {
  if (!values.includes(value))
    throw new TypeError(`${option} must be one of ${values.join(', ')}, got ${JSON.stringify(value)}.`);
}
