import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { NO_PROGRESS, type SinkProgress } from './progress.ts';
import type { StuckRecord } from './stuck-record.ts';

/** Name of the file beside a rank's journal. */
export const SINKS_FILE = 'sinks.json';

/**
 * Progress of the sinks of one rank of a run, by name and target: one small JSON file. It is written anew and then
 * takes the old one's place, so that cursor and state of a sink never part, and a reader never sees half of it.
 */
export class SinkCursorFile {
  readonly #path: string;
  readonly #sinks: Map<string, SinkProgress>;
  /** How each sink was made, as far as that can be written down: for who sends what was left behind. */
  readonly #trackers: Map<string, TrackerDescription>;

  constructor(path: string) {
    this.#path = path;
    const stored = read(path);
    this.#sinks = stored.sinks;
    this.#trackers = stored.trackers;
  }

  get(key: string): SinkProgress {
    return this.#sinks.get(key) ?? NO_PROGRESS;
  }

  /** Throws when the disk does not take it: records would be sent again, which sinks put up with. */
  set(key: string, progress: SinkProgress): void {
    this.#sinks.set(key, progress);
    this.#write();
  }

  /** Notes that a sink belongs to this run, before it has anything: should it never be reached, it is known later. */
  describe(key: string, tracker: TrackerDescription): void {
    this.#trackers.set(key, tracker);
    if (!this.#sinks.has(key)) this.#sinks.set(key, NO_PROGRESS);
    this.#write();
  }

  /** Sinks that can be made again. */
  described(): { key: string; progress: SinkProgress; tracker: TrackerDescription }[] {
    return [...this.#trackers].map(([key, tracker]) => ({ key, tracker, progress: this.get(key) }));
  }

  #write(): void {
    mkdirSync(dirname(this.#path), { recursive: true });
    const sinks = Object.fromEntries(
      Array.from(this.#sinks, ([key, progress]) => {
        const tracker = this.#trackers.get(key);
        return [key, tracker === undefined ? progress : { ...progress, tracker }];
      }),
    );
    const part = `${this.#path}.${process.pid}.part`;
    writeFileSync(part, `${JSON.stringify({ version: 1, sinks })}\n`);
    renameSync(part, this.#path);
  }

  keys(): string[] {
    return [...this.#sinks.keys()];
  }

  /** The highest `seq` that any sink has; -1 for none. */
  highest(): number {
    return Math.max(-1, ...Array.from(this.#sinks.values(), ({ seq }) => seq));
  }
}

/** Platform and plain options of a tracker; no secrets. */
export type TrackerDescription = { readonly platform: string; readonly [option: string]: unknown };

interface Stored {
  sinks: Map<string, SinkProgress>;
  trackers: Map<string, TrackerDescription>;
}

function read(path: string): Stored {
  const found: Stored = { sinks: new Map(), trackers: new Map() };
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // missing or unreadable: everything is sent again
    return found;
  }
  const stored = (parsed as { sinks?: Record<string, Partial<StoredSink>> } | null)?.sinks ?? {};
  for (const [key, { seq, state, samples, refused, refusedTotal, stuck, tracker }] of Object.entries(
    stored,
  )) {
    if (typeof seq !== 'number') continue;
    found.sinks.set(key, {
      seq,
      ...(typeof state === 'object' && state !== null ? { state } : {}),
      samples: typeof samples === 'number' ? samples : 0,
      refused: Array.isArray(refused) ? refused : [],
      refusedTotal: typeof refusedTotal === 'number' ? refusedTotal : 0,
      ...(isStuck(stuck) ? { stuck } : {}),
    });
    if (typeof tracker?.platform === 'string') found.trackers.set(key, tracker);
  }
  return found;
}

function isStuck(stuck: Partial<StuckRecord> | undefined): stuck is StuckRecord {
  return [stuck?.seq, stuck?.tries, stuck?.since].every((part) => typeof part === 'number');
}

type StoredSink = SinkProgress & { tracker: TrackerDescription };
