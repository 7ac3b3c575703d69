import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { NO_PROGRESS, type SinkProgress } from './progress.ts';

/** Name of the file beside a rank's journal. */
export const SINKS_FILE = 'sinks.json';

/**
 * Progress of the sinks of one rank of a run, by name and target: one small JSON file. It is written anew and then
 * takes the old one's place, so that cursor and state of a sink never part, and a reader never sees half of it.
 */
export class SinkCursorFile {
  readonly #path: string;
  readonly #sinks: Map<string, SinkProgress>;

  constructor(path: string) {
    this.#path = path;
    this.#sinks = read(path);
  }

  get(key: string): SinkProgress {
    return this.#sinks.get(key) ?? NO_PROGRESS;
  }

  /** Throws when the disk does not take it: records would be sent again, which sinks put up with. */
  set(key: string, progress: SinkProgress): void {
    this.#sinks.set(key, progress);
    mkdirSync(dirname(this.#path), { recursive: true });
    const part = `${this.#path}.${process.pid}.part`;
    writeFileSync(part, `${JSON.stringify({ version: 1, sinks: Object.fromEntries(this.#sinks) })}\n`);
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

function read(path: string): Map<string, SinkProgress> {
  const sinks = new Map<string, SinkProgress>();
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // missing or unreadable: everything is sent again
    return sinks;
  }
  const stored = (parsed as { sinks?: Record<string, Partial<SinkProgress>> } | null)?.sinks ?? {};
  for (const [key, { seq, state, samples, refused, refusedTotal }] of Object.entries(stored)) {
    if (typeof seq !== 'number') continue;
    sinks.set(key, {
      seq,
      ...(typeof state === 'object' && state !== null ? { state } : {}),
      samples: typeof samples === 'number' ? samples : 0,
      refused: Array.isArray(refused) ? refused : [],
      refusedTotal: typeof refusedTotal === 'number' ? refusedTotal : 0,
    });
  }
  return sinks;
}
