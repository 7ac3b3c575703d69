import { ATTR, METRIC } from '../../conventions/index.ts';
import { BoundCounter } from './bound.ts';
import { type InstrumentRegistry, instruments } from './registry.ts';

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
