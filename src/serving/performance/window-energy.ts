import { energyMeter } from '../../telemetry/instruments/energy-meter.ts';
import type { InstrumentRegistry } from '../../telemetry/instruments/registry.ts';
import type { SlidingSlices } from './sliding-slices.ts';

/** What the GPUs of this process used in a window. Joules. */
export interface WindowEnergy {
  joules: number;
  /** Over all generations that ended meanwhile, whatever their outcome; null without one. */
  joulesPerRequest: number | null;
  /** Over their output tokens; null without one. */
  joulesPerOutputToken: number | null;
}

/** Puts the energy that was used into the slices of a window. Times are milliseconds. */
export class EnergyWatch {
  readonly #slices: SlidingSlices;
  readonly #meter: ReturnType<typeof energyMeter>;
  #looked: number;
  /** Since when energy is known: what ended before is not set against it. */
  #knownSince: number | undefined;

  constructor(slices: SlidingSlices, registry: InstrumentRegistry, now: number) {
    this.#slices = slices;
    this.#meter = energyMeter(registry);
    this.#looked = now;
  }

  /** To be called once a slice, so that energy is in the slice in which it was used. */
  look(now: number): void {
    const used = this.#meter.lap();
    if (used !== undefined) {
      this.#knownSince ??= this.#looked;
      this.#slices.at(now).joules += used;
    }
    this.#looked = now;
  }

  /** Of the window that ends `now`; null where no GPU tells its energy. */
  of(now: number): WindowEnergy | null {
    this.look(now);
    if (this.#knownSince === undefined) return null;
    let joules = 0;
    let requests = 0;
    let tokens = 0;
    for (const slice of this.#slices.last(now, this.#knownSince)) {
      joules += slice.joules;
      requests += slice.total;
      tokens += slice.tokens.output;
    }
    return {
      joules,
      joulesPerRequest: requests > 0 ? joules / requests : null,
      joulesPerOutputToken: tokens > 0 ? joules / tokens : null,
    };
  }
}
