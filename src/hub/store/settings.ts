import type { StoreOptions } from './store.ts';

/** The options with their defaults. */
export interface Settings {
  retentionMs: number;
  maxBytes: number;
  maxSeries: number;
  interruptedAfterMs: number;
  durability: 'power-loss' | 'process';
  /** A million: about 1,000 of each of 1,000 series, some 30 MB of memory. */
  sealPoints: number;
  now: () => number;
  log: NonNullable<StoreOptions['log']>;
  databaseBytes: () => number;
}

const DAY_MS = 86_400_000;

export function settingsOf(options: StoreOptions, databaseBytes: () => number): Settings {
  return {
    retentionMs: options.retentionMs ?? 30 * DAY_MS,
    maxBytes: options.maxBytes ?? 4 * 1024 ** 3,
    maxSeries: options.maxSeries ?? 100_000,
    interruptedAfterMs: options.interruptedAfterMs ?? 60_000,
    durability: options.durability ?? 'power-loss',
    sealPoints: options.sealPoints ?? 1_000_000,
    now: options.now ?? Date.now,
    log: options.log ?? (() => undefined),
    databaseBytes,
  };
}
