import type { Attributes, HrTime } from '@opentelemetry/api';

/**
 * Bound recorders: one object per series, found once and then recorded into with a few field writes. The SDK's own
 * instruments hash the attributes at every call (about 1.2 us with three attributes, against 10 ns here).
 *
 * A handle stays valid after `remove()`: recording into it is then without effect on the export.
 */
export abstract class BoundSeries {
  readonly attributes: Attributes;
  readonly startTime: HrTime;
  /** When the value was measured, where that is known; the export's time otherwise. Histograms: always the export's. */
  endTime: HrTime | undefined;
  constructor(attributes: Attributes, startTime: HrTime) {
    this.attributes = attributes;
    this.startTime = startTime;
  }
}

export class BoundCounter extends BoundSeries {
  value = 0;
  /** Adds `amount` (>= 0). A negative or non-finite amount is ignored, as OpenTelemetry asks of counters. */
  add(amount: number): void {
    if (amount >= 0 && amount < Infinity) this.value += amount;
  }
  /** For counters that are read elsewhere (a driver, /proc): sets the running total. */
  setTotal(total: number): void {
    if (total >= 0 && total < Infinity) this.value = total;
  }
}

export class BoundUpDownCounter extends BoundSeries {
  value = 0;
  add(amount: number): void {
    this.value += amount;
  }
  set(value: number): void {
    this.value = value;
  }
}

export class BoundGauge extends BoundSeries {
  /** False until the first value: a gauge that was never set is not exported. */
  isSet = false;
  value = 0;
  /** NaN and infinities are kept: a loss of NaN must be seen. */
  set(value: number): void {
    this.value = value;
    this.isSet = true;
  }
  /** Makes the series vanish from the export until the next `set`. */
  clear(): void {
    this.isSet = false;
  }
}

export class BoundHistogram extends BoundSeries {
  readonly bounds: readonly number[];
  /** One more than `bounds`; the last holds what is above all of them. */
  readonly counts: Float64Array;
  count = 0;
  sum = 0;
  min = Infinity;
  max = -Infinity;
  constructor(attributes: Attributes, startTime: HrTime, bounds: readonly number[]) {
    super(attributes, startTime);
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }
  /** Records a value; upper bounds are inclusive (OpenTelemetry). A NaN has no bucket and is ignored. */
  record(value: number): void {
    if (value !== value) return;
    const bounds = this.bounds;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (bounds[middle] as number)) high = middle;
      else low = middle + 1;
    }
    this.counts[low] = (this.counts[low] as number) + 1;
    this.count++;
    this.sum += value;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
  }
}
