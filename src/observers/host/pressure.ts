import { ProcFile } from './proc-file.ts';

export const PRESSURE_RESOURCES = ['cpu', 'memory', 'io'] as const;
export type PressureResource = (typeof PRESSURE_RESOURCES)[number];

/** Seconds in which some, or all, tasks waited for the resource. */
export interface PressureReading {
  readonly resource: PressureResource;
  readonly some: number | undefined;
  readonly full: number | undefined;
}

/** Pressure stall information (Documentation/accounting/psi.rst): totals in microseconds. */
export function parsePressure(resource: PressureResource, text: string): PressureReading | undefined {
  const seconds = (kind: 'some' | 'full'): number | undefined => {
    const total = new RegExp(`^${kind} .*total=(\\d+)`, 'm').exec(text)?.[1];
    return total === undefined ? undefined : Number(total) / 1e6;
  };
  const some = seconds('some');
  return some === undefined ? undefined : { resource, some, full: seconds('full') };
}

/** Pressure of the machine (`/proc/pressure/cpu`) or of a cgroup (`cpu.pressure`); nothing where the kernel has none. */
export class Pressure {
  readonly #files: readonly (readonly [PressureResource, ProcFile])[];

  constructor(path: (resource: PressureResource) => string) {
    this.#files = PRESSURE_RESOURCES.map((resource) => [resource, new ProcFile(path(resource))]);
  }

  read(): PressureReading[] {
    return this.#files.flatMap(([resource, file]) => {
      const text = file.read();
      const reading = text === undefined ? undefined : parsePressure(resource, text);
      return reading ? [reading] : [];
    });
  }

  close(): void {
    for (const [, file] of this.#files) file.close();
  }
}
