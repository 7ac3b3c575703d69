import type { GpuSample } from './sample.ts';

/** A way to read GPUs. Lives in the sampler process, so that it may block. */
export interface GpuSource {
  readonly name: string;
  /**
   * Reads every device; `slow`: also what costs more or changes slowly. What fails on one device costs neither the
   * other readings nor the other devices anything.
   *
   * @throws DriverTrouble when nothing can be read any more and the source must be opened anew.
   */
  poll(slow: boolean): GpuSample | undefined;
  close(): void;
}

/** The driver cannot be talked to now; it may be later, from a new process. */
export class DriverTrouble extends Error {
  override name = 'DriverTrouble';
}
