/** Steps before the usual time is known. */
const LEARNED_FROM = 20;
/** Below this, a step is not worth a span however long it takes compared with the others, seconds. */
const LEAST_SECONDS = 0.05;
/** Steps that are not looked at after a slow one: a program that has become slow is not slow at every step. */
const REST = 100;

/** Watches for steps that take far longer than usual (a running mean, in which an outlier counts as at most twice the usual). */
export class SlowSteps {
  readonly #factor: number;
  readonly #onSlow: (seconds: number, usual: number) => void;
  #usual = 0;
  #seen = 0;
  #resting = 0;

  /** `factor` 0: never. */
  constructor(factor: number, onSlow: (seconds: number, usual: number) => void) {
    this.#factor = factor;
    this.#onSlow = onSlow;
  }

  /** Hot. NaN: the step's time is not known. */
  onStep(seconds: number): void {
    if (!(seconds > 0)) return;
    const usual = this.#usual;
    const known = this.#seen >= LEARNED_FROM;
    if (
      known &&
      this.#factor > 0 &&
      this.#resting === 0 &&
      seconds > LEAST_SECONDS &&
      seconds > usual * this.#factor
    ) {
      this.#resting = REST;
      this.#onSlow(seconds, usual);
    } else if (this.#resting > 0) this.#resting--;
    this.#seen++;
    const weight = known ? 0.05 : 1 / this.#seen;
    this.#usual = usual + ((known ? Math.min(seconds, usual * 2) : seconds) - usual) * weight;
  }
}
