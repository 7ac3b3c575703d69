import type { SinkMap, SinkValue } from '../sink.ts';
import { configValue, type RunMetadata } from './run-facts.ts';
import { parseWandbJson } from './wandb-json.ts';

type Entry = { value: SinkValue };

/** W&B's own part: telemetry (`t`; a resume looks for it), metric definitions (`m`), the environments that wrote (`e`). */
const OWN = '_wandb';

/** The config of a run as W&B holds it: each key `{"value": ...}`, always sent whole. */
export class RunConfig {
  readonly #entries = new Map<string, Entry>();
  /** Was changed, and the server may not know it. */
  unsent = false;

  /** `text`: what the server has, JSON. */
  constructor(text?: string) {
    for (const [key, entry] of Object.entries(read(text))) this.#entries.set(key, entry);
  }

  /** True when something changed. */
  set(params: SinkMap): boolean {
    let changed = false;
    for (const [key, value] of Object.entries(params)) {
      if (key === OWN) continue;
      const entry = { value: configValue(value) };
      if (JSON.stringify(this.#entries.get(key)) === JSON.stringify(entry)) continue;
      this.#entries.set(key, entry);
      changed = true;
    }
    this.unsent ||= changed;
    return changed;
  }

  /** Adds what is not there yet; true when something was. */
  fill(params: SinkMap): boolean {
    return this.set(Object.fromEntries(Object.entries(params).filter(([key]) => !this.#entries.has(key))));
  }

  /** W&B's own part; `writer` names the environment. */
  describe(writer: string, metadata: RunMetadata): void {
    const before = (this.#entries.get(OWN)?.value ?? {}) as { [key: string]: SinkValue };
    const environments = (before['e'] ?? {}) as { [key: string]: SinkValue };
    this.#entries.set(OWN, {
      value: { t: {}, m: [], ...before, e: { ...environments, [writer]: { ...metadata } } },
    });
  }

  text(): string {
    return JSON.stringify(Object.fromEntries(this.#entries));
  }
}

function read(text: string | undefined): Record<string, Entry> {
  if (text === undefined || text === '') return {};
  const parsed = parseWandbJson(text);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return {};
  return Object.fromEntries(
    Object.entries(parsed).filter(
      (pair): pair is [string, Entry] =>
        typeof pair[1] === 'object' && pair[1] !== null && 'value' in pair[1],
    ),
  );
}
