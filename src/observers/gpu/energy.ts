import { ATTR, METRIC } from '../../conventions/index.ts';
import { BoundCounter } from '../../telemetry/instruments/bound.ts';
import { type InstrumentRegistry, instruments } from '../../telemetry/instruments/registry.ts';

/** Samples further apart are not summed: what a GPU drew meanwhile is not known. */
const LONGEST_GAP_MS = 5000;

interface Meter {
  joules: number;
  driver: number | undefined;
  power: number | undefined;
  time: number;
}

/**
 * Energy of each GPU since it was first seen, in joules. From the driver's counter, over its restarts; where there is no
 * such counter (consumer boards, some AMD) the power draw summed over time.
 */
export class EnergyTotals {
  readonly #meters = new Map<string, Meter>();

  /** `driver`: its counter in joules; `power` in watts; `time` in milliseconds. */
  update(
    id: string,
    reading: { energy?: number | undefined; power?: number | undefined },
    time: number,
  ): number | undefined {
    const { energy, power } = reading;
    if (energy === undefined && power === undefined) return undefined;
    let meter = this.#meters.get(id);
    if (!meter) {
      meter = { joules: 0, driver: energy, power, time };
      this.#meters.set(id, meter);
      return 0;
    }
    if (energy !== undefined) {
      // Less than before: counted anew since the driver was loaded again.
      if (meter.driver !== undefined) meter.joules += energy >= meter.driver ? energy - meter.driver : energy;
    } else if (power !== undefined && meter.power !== undefined) {
      const elapsed = time - meter.time;
      if (elapsed > 0 && elapsed <= LONGEST_GAP_MS)
        meter.joules += (((power + meter.power) / 2) * elapsed) / 1000;
    }
    meter.driver = energy ?? meter.driver;
    meter.power = power;
    meter.time = time;
    return meter.joules;
  }
}

export interface EnergyMeter {
  /** Joules that this process's GPUs used since the meter began, or since the last `lap`; undefined without a GPU that tells. */
  joules(): number | undefined;
  /** The same, and begins anew: once a step, or once a request. */
  lap(): number | undefined;
}

/**
 * Measures the energy of a stretch of work: of a run, a step, the requests of a window. Counts the GPUs that are
 * assigned to this process (CUDA_VISIBLE_DEVICES), or all when that is not known. As fine as the GPU observer samples.
 *
 * @example
 * const energy = energyMeter();
 * for (const batch of batches) {
 *   await step(batch);
 *   run.step({ 'train/loss': loss, 'train/energy_joules': energy.lap() });
 * }
 */
export function energyMeter(registry: InstrumentRegistry = instruments): EnergyMeter {
  const start = new Map<string, number>();
  const values = (): Map<string, number> => {
    const found = new Map<string, number>();
    for (const instrument of registry.byName(METRIC.hwEnergy.name)) {
      for (const series of instrument.series()) {
        const { attributes } = series;
        if (!(series instanceof BoundCounter) || attributes[ATTR.gpuAssigned] === false) continue;
        found.set(String(attributes[ATTR.hwId]), series.value);
      }
    }
    return found;
  };
  const begin = (): void => {
    // A GPU that is away for now is remembered: its total goes on when it comes back.
    for (const [id, value] of values()) start.set(id, value);
  };
  begin();
  const joules = (): number | undefined => {
    let sum = 0;
    let any = false;
    for (const [id, value] of values()) {
      // One that is seen for the first time counts from 0.
      sum += Math.max(0, value - (start.get(id) ?? 0));
      any = true;
    }
    return any ? sum : undefined;
  };
  return {
    joules,
    lap() {
      const used = joules();
      begin();
      return used;
    },
  };
}
