import { ATTR } from '../../conventions/index.ts';
import type { Attributes } from '../../otlp/model.ts';
import { canonicalText } from './attributes.ts';
import type { ResourceEntry } from './metrics/series.ts';
import type { Rows } from './rows.ts';

/** Resources known by content; beyond this the cache begins anew (each process start is a resource of its own). */
const MOST_CACHED = 10_000;

/** Gives resources that are equal in content one id. */
export class Resources {
  readonly #rows: Rows;
  readonly #byText = new Map<string, ResourceEntry>();

  constructor(rows: Rows) {
    this.#rows = rows;
  }

  get(attributes: Attributes): ResourceEntry {
    const text = canonicalText(attributes);
    let entry = this.#byText.get(text);
    if (entry === undefined) {
      if (this.#byText.size >= MOST_CACHED) this.#byText.clear();
      entry = this.#load(text);
      this.#byText.set(text, entry);
    }
    return entry;
  }

  /** Forgets the cache: rows were deleted. */
  clear(): void {
    this.#byText.clear();
  }

  #load(text: string): ResourceEntry {
    this.#rows.begin();
    this.#rows.sql('INSERT INTO resource (attributes) VALUES (?) ON CONFLICT DO NOTHING').run(text);
    const row = this.#rows.sql('SELECT id FROM resource WHERE attributes = ?').get(text) as { id: number };
    const attributes = JSON.parse(text) as Record<string, unknown>;
    return {
      id: row.id,
      attributes,
      instanceId: asString(attributes[ATTR.serviceInstanceId]),
      serviceName: asString(attributes[ATTR.serviceName]),
      oldest: Infinity,
    };
  }
}

function asString(value: unknown): string {
  return typeof value === 'string'
    ? value
    : value === undefined || value === null
      ? ''
      : JSON.stringify(value);
}
