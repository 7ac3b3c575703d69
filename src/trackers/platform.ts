import type { OptionNames } from '../conventions/index.ts';
import type { RunSink } from './sink.ts';

/** What a platform may need beside its options. */
export interface PlatformContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What a person should know when the sink is made: an option that has no meaning here, two that contradict. */
  readonly warn: (message: string) => void;
}

/** A secret: as text, or wrapped so that it shows nowhere (`Secret` of the configuration). */
export type SecretText = string | { reveal(): string };

export function revealed(secret: SecretText | undefined): string | undefined {
  return typeof secret === 'object' ? secret.reveal() : secret;
}

/**
 * One tracker. `Options` are in camelCase; the section of `monitoring.yaml` has the same names in snake_case
 * (`tracking_uri` is `trackingUri`). They are plain data, all optional.
 */
export interface Platform<Options extends object> {
  /** One line for people. */
  readonly help: string;
  /** Their names, for those who mistype one. */
  readonly options: OptionNames<Options>;
  /**
   * Makes a sink for one run; no effects yet. Undefined: switched off (`mode: disabled`).
   * @throws TypeError for options that cannot be: what was expected, what came.
   */
  createSink(options: Options, context: PlatformContext): RunSink | undefined;
}
