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
