import { type ChildProcess, fork } from 'node:child_process';
import { diag } from '@opentelemetry/api';
import { helperEntry } from '../helper-entry.ts';
import { ownHelpers } from '../own-helpers.ts';
import type { DiskReading, NetworkReading } from './snapshot.ts';

/** Disks and networks at one moment. */
export interface DeviceReadings {
  readonly disks: readonly DiskReading[];
  readonly networks: readonly NetworkReading[];
}

/** Gives the readings that are at hand, and never waits. */
export interface DeviceSource {
  /** The same object as long as there is no newer one; undefined while there is none, or only an old one. */
  latest(): DeviceReadings | undefined;
  close(): void;
}

const ENTRY = helperEntry('device-process', import.meta.url);
/** On Windows each reading starts PowerShell. */
const INTERVAL_MS = process.platform === 'win32' ? 30_000 : 10_000;
/** Intervals without a reading after which the last one no longer stands. */
const PATIENCE = 3;

/**
 * Readings of disks and networks from a process of its own, for systems where they can only be had by starting programs
 * (`systeminformation`). It ends with this one, and neither holds it up nor keeps it alive.
 */
export class DeviceProcess implements DeviceSource {
  readonly #process: ChildProcess;
  readonly #patience: number;
  #latest: DeviceReadings | undefined;
  #stale: NodeJS.Timeout | undefined;

  /** `intervalMs`: pause between two readings; default 10 s, on Windows 30 s. */
  constructor({ intervalMs = INTERVAL_MS }: { intervalMs?: number } = {}) {
    this.#patience = PATIENCE * intervalMs;
    // NODE_OPTIONS would start telemetry there, too, or a debugger.
    const { NODE_OPTIONS: _, ...env } = process.env;
    const child = fork(ENTRY, [String(intervalMs)], {
      stdio: 'ignore',
      execArgv: ['--max-old-space-size=64'],
      env,
    });
    this.#process = child;
    const { pid } = child;
    if (pid !== undefined) ownHelpers.add(pid);
    child.on('message', (readings: DeviceReadings) => this.#take(readings));
    child.once('error', (error) => this.#ended(error.message));
    child.once('exit', (code, signal) => {
      if (pid !== undefined) ownHelpers.delete(pid);
      if (code !== 0) this.#ended(signal ?? `exit code ${code}`);
      this.#take(undefined);
    });
    child.unref();
    child.channel?.unref();
  }

  latest(): DeviceReadings | undefined {
    return this.#latest;
  }

  close(): void {
    this.#take(undefined);
    this.#process.removeAllListeners('message');
    if (this.#process.connected) this.#process.disconnect();
  }

  #take(readings: DeviceReadings | undefined): void {
    clearTimeout(this.#stale);
    this.#latest = readings;
    if (readings === undefined) return;
    this.#stale = setTimeout(() => this.#take(undefined), this.#patience);
    this.#stale.unref();
  }

  #ended(how: string): void {
    diag.warn(`llm-otel: disks and networks are not observed: the process that reads them ended: ${how}`);
  }
}
