import { type ChildProcess, spawn } from 'node:child_process';
import type { GpuDevice, GpuSample } from '../sample.ts';
import { DriverTrouble, type GpuSource } from '../source.ts';
import { parseSmiLine, SMI_FIELDS, smiArguments, unknownField } from './query.ts';

export interface SmiSourceOptions {
  readonly intervalMs: number;
  /** Default `nvidia-smi` on PATH. */
  readonly command?: string;
  readonly now?: () => number;
}

/** Rounds that may be missing before what nvidia-smi said last is old. */
const PATIENCE = 2.5;

/**
 * One `nvidia-smi` that prints a line for each GPU again and again, where NVML cannot be loaded: a start of it takes
 * from 10 ms to seconds, and so is made once.
 */
export class SmiSource implements GpuSource {
  readonly name = 'nvidia-smi';
  readonly #options: SmiSourceOptions;
  readonly #now: () => number;
  #fields: string[] = [...SMI_FIELDS];
  #child: ChildProcess | undefined;
  #rest = '';
  readonly #devices = new Map<string, { device: GpuDevice; time: number }>();
  #driverVersion: string | undefined;
  #ended: string | undefined;
  #heard: number;
  #first: (() => void) | undefined;

  constructor(options: SmiSourceOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#heard = this.#now();
  }

  /** Starts it; resolves with whether it works: at the first line, or when it cannot be started. */
  async open(): Promise<boolean> {
    await new Promise<void>((resolve) => {
      this.#first = resolve;
      this.#start();
    });
    return this.#ended === undefined;
  }

  poll(): GpuSample | undefined {
    if (this.#ended !== undefined) throw new DriverTrouble(this.#ended);
    const { intervalMs } = this.#options;
    const old = this.#now() - Math.max(PATIENCE * intervalMs, intervalMs + 2000);
    // Silence: nothing is known now.
    if (this.#heard < old) return undefined;
    const reason = 'nvidia-smi does not report it any more';
    return {
      source: this.name,
      ...(this.#driverVersion !== undefined && { driverVersion: this.#driverVersion }),
      devices: [...this.#devices.values()].map(({ device, time }) =>
        time < old ? { identity: device.identity, state: 'failed', reason, readings: {} } : device,
      ),
    };
  }

  close(): void {
    this.#child?.kill('SIGTERM');
    this.#child = undefined;
  }

  #start(): void {
    const { command = 'nvidia-smi', intervalMs } = this.#options;
    this.#rest = '';
    let complaints = '';
    const child = spawn(command, smiArguments(this.#fields, intervalMs), {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      complaints = (complaints + text).slice(0, 2000);
      this.#take(text);
    });
    child.stderr.setEncoding('latin1').on('data', (text: string) => {
      complaints = (complaints + text).slice(0, 2000);
    });
    child.once('error', (error) => this.#end(`nvidia-smi could not be started: ${error.message}`));
    child.once('close', (code) => {
      if (this.#child !== child) return;
      const field = unknownField(complaints);
      if (field !== undefined && this.#fields.includes(field)) {
        // An older or newer nvidia-smi: without that field then.
        this.#fields = this.#fields.filter((known) => known !== field);
        this.#start();
      } else {
        this.#end(`nvidia-smi ended with code ${code}: ${complaints.trim().split('\n')[0] ?? ''}`);
      }
    });
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const parsed = parseSmiLine(line, this.#fields);
      if (!parsed) continue;
      this.#heard = this.#now();
      this.#driverVersion = parsed.driverVersion;
      this.#devices.set(parsed.device.identity.id, { device: parsed.device, time: this.#heard });
      this.#first?.();
    }
  }

  #end(why: string): void {
    this.#ended ??= why;
    this.#first?.();
  }
}
