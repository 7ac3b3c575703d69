import { BoundGauge } from '../../telemetry/index.ts';

/** What a run knows of one key, whatever the shape in which it comes. */
export interface KeyState {
  readonly key: string;
  readonly gauge: BoundGauge;
  /** A loss: when it stops being finite, the run says so. */
  readonly watched: boolean;
  /** True while its last value was not finite. */
  nonFinite: boolean;
  /** Times it stopped being finite. */
  episodes: number;
}

/** Keys whose NaN or infinity is worth a note: `train/loss`, `val/loss`, `loss`, `train/lm_loss` ... */
const LOSS = /(^|[/_.])loss$/;

/** Further keys than these have no gauge: a key made anew at every step would be a new metric at every step. */
const MAX_GAUGES = 1000;

export class KeyStates {
  readonly #bind: ((key: string) => BoundGauge) | undefined;
  readonly #onTooMany: () => void;
  readonly #states = new Map<string, KeyState>();

  /** `bind` gives the gauge of a key; without it there are no gauges. */
  constructor(bind: ((key: string) => BoundGauge) | undefined, onTooMany: () => void) {
    this.#bind = bind;
    this.#onTooMany = onTooMany;
  }

  get(key: string): KeyState {
    const found = this.#states.get(key);
    if (found) return found;
    const full = this.#states.size >= MAX_GAUGES;
    const state: KeyState = {
      key,
      // a gauge of nobody, so that the step need not ask whether there is one
      gauge: (full ? undefined : this.#bind?.(key)) ?? new BoundGauge({}, [0, 0]),
      watched: LOSS.test(key),
      nonFinite: false,
      episodes: 0,
    };
    if (!full) this.#states.set(key, state);
    else this.#onTooMany();
    return state;
  }
}
