import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How far one receiver has taken a run's records. */
export interface Acknowledged {
  /** All records up to this `seq` were accepted or set aside; -1 for none. */
  seq: number;
  /** `seq` of records that the receiver refused for good (the newest thousand). They stay in the journal. */
  refused: number[];
}

const MAX_REFUSED = 1000;

/**
 * What was acknowledged, for each receiver by its address: a journal can be delivered to several, and one that has
 * not seen it gets it from the start. Written to a new file that then takes the place of the old one, so that a
 * reader never sees half of it.
 */
export class CursorFile {
  readonly #path: string;
  #endpoints: Map<string, Acknowledged>;

  constructor(dir: string) {
    this.#path = join(dir, 'cursor.json');
    this.#endpoints = read(this.#path);
  }

  get(url: string): Acknowledged {
    const found = this.#endpoints.get(url);
    return found ? { seq: found.seq, refused: [...found.refused] } : { seq: -1, refused: [] };
  }

  /** Throws when the disk does not take it: records would then be sent again, which is harmless. */
  set(url: string, acknowledged: Acknowledged): void {
    this.#endpoints.set(url, {
      seq: acknowledged.seq,
      refused: acknowledged.refused.slice(-MAX_REFUSED),
    });
    const part = `${this.#path}.${process.pid}.part`;
    writeFileSync(
      part,
      `${JSON.stringify({ version: 1, endpoints: Object.fromEntries(this.#endpoints) })}\n`,
    );
    renameSync(part, this.#path);
  }

  /** The highest `seq` that any receiver has acknowledged; -1 for none. */
  highest(): number {
    let highest = -1;
    for (const { seq } of this.#endpoints.values()) highest = Math.max(highest, seq);
    return highest;
  }
}

function read(path: string): Map<string, Acknowledged> {
  const endpoints = new Map<string, Acknowledged>();
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // missing or unreadable: everything is sent again, and the receiver knows what it has
    return endpoints;
  }
  const stored = (parsed as { endpoints?: Record<string, Partial<Acknowledged>> }).endpoints ?? {};
  for (const [url, { seq, refused }] of Object.entries(stored)) {
    if (typeof seq === 'number') endpoints.set(url, { seq, refused: Array.isArray(refused) ? refused : [] });
  }
  return endpoints;
}
