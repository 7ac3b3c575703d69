import { DERIVATIONS, type Derivation, EPOCH_KEY, KNOWN_COMBINATIONS, STEP_TIME_KEY } from './derived.ts';
import type { KeyState, KeyStates } from './key-state.ts';

/** Layout of a stored step: three numbers, then the values in the order of the keys. */
export const TIME_SLOT = 0;
export const STEP_SLOT = 1;
/** NaN: no epoch was given. */
export const EPOCH_SLOT = 2;
export const FIRST_VALUE = 3;

/** A derivation and the place of the value it is made from (-1: none). */
interface PlannedDerivation {
  readonly derivation: Derivation;
  readonly fromSlot: number;
}

/** Keys of a stored step: those that were given, then those that are derived. */
export interface StoredShape {
  readonly keys: readonly string[];
  /** Each key as it stands in a journal line: `"train/loss":`, with a comma before all but the first. */
  readonly labels: readonly string[];
  readonly states: readonly KeyState[];
  readonly derived: readonly PlannedDerivation[];
}

/**
 * Keys that a program gave together, in their order. A training loop gives the same keys at every step: they are
 * looked up once, and from then on a step is a comparison of pointers and a copy of numbers.
 */
export class InputShape {
  readonly keys: readonly string[];
  /** Place of the step time and the epoch among the keys; -1 when not given. */
  readonly stepTimeSlot: number;
  readonly epochSlot: number;
  /** The shape that came after this one the last time that another came. */
  next: InputShape | undefined;
  readonly #stored: (StoredShape | undefined)[] = Array.from({ length: KNOWN_COMBINATIONS });
  readonly #states: KeyStates;

  constructor(keys: readonly string[], states: KeyStates) {
    this.keys = keys;
    this.stepTimeSlot = keys.indexOf(STEP_TIME_KEY);
    this.epochSlot = keys.indexOf(EPOCH_KEY);
    this.#states = states;
  }

  /** The stored shape when these facts are known (bits of `KNOWN`). */
  stored(known: number): StoredShape {
    return this.#stored[known] ?? this.#plan(known);
  }

  #plan(known: number): StoredShape {
    const keys = [...this.keys];
    const derived: PlannedDerivation[] = [];
    for (const derivation of DERIVATIONS) {
      if ((derivation.needs & known) !== derivation.needs || this.keys.includes(derivation.key)) continue;
      const fromSlot = derivation.from === undefined ? -1 : this.keys.indexOf(derivation.from);
      if (derivation.from !== undefined && fromSlot < 0) continue;
      derived.push({ derivation, fromSlot });
      keys.push(derivation.key);
    }
    const shape: StoredShape = {
      keys,
      labels: keys.map((key, index) => `${index === 0 ? '' : ','}${JSON.stringify(key)}:`),
      states: keys.map((key) => this.#states.get(key)),
      derived,
    };
    this.#stored[known] = shape;
    return shape;
  }
}

/** Programs that make up new keys at every step must not fill the memory: then shapes are looked up anew. */
const MAX_SHAPES = 256;

export class Shapes {
  readonly #states: KeyStates;
  readonly #shapes = new Map<string, InputShape>();

  constructor(states: KeyStates) {
    this.#states = states;
  }

  get(keys: readonly string[]): InputShape {
    const name = keys.join('\u0000');
    let shape = this.#shapes.get(name);
    if (!shape) {
      if (this.#shapes.size >= MAX_SHAPES) this.#shapes.clear();
      shape = new InputShape(keys, this.#states);
      this.#shapes.set(name, shape);
    }
    return shape;
  }
}
