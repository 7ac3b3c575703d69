import { appendFileSync, mkdirSync } from 'node:fs';
import { appendFile, mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { diag } from '@opentelemetry/api';
import { addExitHook } from '../../telemetry/index.ts';
import { stepValueText } from '../journal/record.ts';
import type { StepValues } from '../values/recorder.ts';

/** Characters kept while the file cannot be written; the journal has everything. */
const MOST_CHARACTERS = 16 * 1024 * 1024;

/**
 * A file of JSON lines: `{"step":7,"time":1764000000000,"train/loss":0.5}`. NaN and infinities are the strings "NaN",
 * "Infinity", "-Infinity"; `time` is in milliseconds since the epoch. A convenience: the journal is what nothing is
 * lost from, and `llm-otel runs export` makes a file of it.
 */
export class MetricsFile {
  readonly #path: string;
  readonly #removeHook: () => void;
  #text = '';
  #writing: Promise<void> = Promise.resolve();
  #toldOfTrouble = false;

  constructor(path: string) {
    this.#path = resolve(path);
    this.#removeHook = addExitHook({ name: 'metrics file', order: 10, sync: () => this.#saveNow() });
  }

  add(step: bigint, time: number, values: StepValues): void {
    let line = `{"step":${step},"time":${time}`;
    for (const key of Object.keys(values)) {
      const value = numberOf(values[key]);
      if (value !== undefined) line += `,${JSON.stringify(key)}:${stepValueText(value)}`;
    }
    if (this.#text.length < MOST_CHARACTERS) this.#text += `${line}}\n`;
  }

  /** Never rejects. */
  save(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#append());
    return this.#writing;
  }

  async #append(): Promise<void> {
    const text = this.#text;
    if (text === '') return;
    this.#text = '';
    try {
      await mkdir(dirname(this.#path), { recursive: true });
      await appendFile(this.#path, text);
    } catch (error) {
      this.#text = text + this.#text;
      this.#tell(error);
    }
  }

  /** No more comes. */
  close(): void {
    this.#removeHook();
  }

  #saveNow(): void {
    if (this.#text === '') return;
    try {
      mkdirSync(dirname(this.#path), { recursive: true });
      appendFileSync(this.#path, this.#text);
      this.#text = '';
    } catch (error) {
      this.#tell(error);
    }
  }

  #tell(error: unknown): void {
    if (this.#toldOfTrouble) return;
    this.#toldOfTrouble = true;
    const reason = error instanceof Error ? error.message : String(error);
    diag.warn(`llm-otel: The metrics file cannot be written (${reason}). The journal has everything.`);
  }
}

/** As the run takes values: what is no number is left out. */
function numberOf(value: StepValues[string]): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'bigint' || typeof value === 'boolean' ? Number(value) : undefined;
}
