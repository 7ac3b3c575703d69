/** What the observer tells its sampler process, as an argument. */
export interface SamplerSettings {
  readonly intervalMs: number;
  /** Every so many samples the slow readings too. */
  readonly slowEvery: number;
  readonly processes: boolean;
  /** Path of NVML; empty: where the loader finds it. */
  readonly nvmlLibrary: string;
  /** Root of sysfs. */
  readonly sys: string;
  /** Name or path of nvidia-smi. */
  readonly smi: string;
  /** A call that hangs this long has its process ended. */
  readonly hangMs: number;
  /** First pause before a sampler that ended is started anew; it doubles up to 60 times of it. */
  readonly restartMs: number;
  /** How many keepers have ended before this one. */
  readonly keepersLost?: number;
}

export function settingsArgument(settings: SamplerSettings): string {
  return JSON.stringify(settings);
}

export function readSettings(argument: string | undefined): SamplerSettings {
  return JSON.parse(argument ?? '{}') as SamplerSettings;
}
