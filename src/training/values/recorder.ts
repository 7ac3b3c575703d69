import type { Clock } from '../clock.ts';
import { DERIVATIONS, KNOWN, type StepFacts } from './derived.ts';
import type { KeyState, KeyStates } from './key-state.ts';
import {
  EPOCH_SLOT,
  FIRST_VALUE,
  type InputShape,
  Shapes,
  STEP_SLOT,
  type StoredShape,
  TIME_SLOT,
} from './shape.ts';
import { StepRecord } from './step-record.ts';

/** Values of a step by key. Numbers are kept exactly; bigints and booleans become numbers; anything else is left out. */
export type StepValues = Readonly<Record<string, number | bigint | boolean | null | undefined>>;

export interface StepOptions {
  /** Step number. Default: the last one + 1, from 0. Repeated, skipped and earlier numbers are kept as given. */
  step?: number | bigint;
  /** Epoch, with its fraction. */
  epoch?: number;
  /** Tokens and samples of this step: counted, and divided by the step time. */
  tokens?: number;
  samples?: number;
  /** Duration of this step in seconds. Default: time since the previous step, without validation and checkpoints. */
  stepTime?: number;
  /** When the step happened, milliseconds since the epoch. Default now. */
  time?: number;
}

/** What the recorder needs of the run around it. */
export interface RecorderSurroundings {
  readonly clock: Clock;
  readonly keys: KeyStates;
  /** Takes a finished record; `now` is the clock's monotonic reading. */
  readonly take: (record: StepRecord, now: number) => void;
  /** Sequence number for the next record. */
  readonly nextSeq: () => number;
  /** Counters and the step-time histogram. NaN for what is not known; `seconds` only when it was measured. */
  readonly count: (tokens: number, samples: number, seconds: number) => void;
  /** A watched key stopped (or began again) being finite. */
  readonly onEpisode: (state: KeyState, value: number, step: number) => void;
  /** A value or an option that could not be used. */
  readonly onSkipped: (name: string, what: string) => void;
}

const CHUNK_VALUES = 4096;
const ROOM_FOR_DERIVED = DERIVATIONS.length;
const NO_OPTIONS: StepOptions = {};

/** What became of values that were tried on a shape. */
const MISMATCH = -1;
const FINITE = 0;
const NON_FINITE = 1;

/**
 * Turns the values of a step into a stored record: numbers are copied into a chunk of doubles, the keys are a shared
 * shape. Text is made of it only when the journal is written.
 */
export class StepRecorder {
  readonly #around: RecorderSurroundings;
  readonly #shapes: Shapes;
  #shape: InputShape;
  #chunk = new Float64Array(CHUNK_VALUES);
  #used = 0;
  readonly #facts: StepFacts = { stepTime: 0, tokens: 0, samples: 0, totalTokens: 0, epoch: 0 };
  /** Monotonic time of the previous step, moved on by what was not training; NaN before the first. */
  #previous = Number.NaN;
  /** Episodes under way: while there are none, finite values need no second look. */
  #openEpisodes = 0;
  lastStep: number;
  nonFiniteValues = 0;

  constructor(around: RecorderSurroundings, resumed: { lastStep: number; totalTokens: number }) {
    this.#around = around;
    this.#shapes = new Shapes(around.keys);
    this.#shape = this.#shapes.get([]);
    this.lastStep = resumed.lastStep;
    this.#facts.totalTokens = resumed.totalTokens;
  }

  /** Step time starts now (a timer was started, or the loop begins). */
  mark(now: number): void {
    this.#previous = now;
  }

  /** Takes time that was not training (a validation, a checkpoint) out of the current step. */
  exclude(milliseconds: number): void {
    this.#previous += milliseconds;
  }

  /**
   * Records values. `training`: they are those of a training step, with step time, counters and the next step number;
   * else (validation, rewards) they belong to the last step.
   */
  record(values: StepValues, options: StepOptions | undefined, training: boolean): void {
    const around = this.#around;
    const now = around.clock.monotonic();
    const given = options ?? NO_OPTIONS;
    const facts = this.#facts;

    const bad = this.#copy(values);
    // only now: a full chunk is replaced while copying
    const shape = this.#shape;
    const chunk = this.#chunk;
    const start = this.#used;
    const first = start + FIRST_VALUE;

    let known = 0;
    let seconds = Number.NaN;
    if (training) {
      if (shape.stepTimeSlot >= 0) seconds = chunk[first + shape.stepTimeSlot] as number;
      else if (given.stepTime !== undefined) seconds = this.#number('stepTime', given.stepTime);
      else seconds = (now - this.#previous) / 1000;
      this.#previous = now;
      if (seconds > 0 && seconds < Infinity) {
        known = KNOWN.time;
        facts.stepTime = seconds;
      }
      if (given.tokens !== undefined) {
        facts.tokens = this.#number('tokens', given.tokens);
        if (facts.tokens >= 0 && facts.tokens < Infinity) {
          known |= KNOWN.tokens;
          facts.totalTokens += facts.tokens;
        }
      }
      if (given.samples !== undefined) {
        facts.samples = this.#number('samples', given.samples);
        if (facts.samples >= 0 && facts.samples < Infinity) known |= KNOWN.samples;
      }
    }
    let epoch = Number.NaN;
    if (given.epoch !== undefined) {
      epoch = this.#number('epoch', given.epoch);
      if (training && Number.isFinite(epoch)) {
        known |= KNOWN.epoch;
        facts.epoch = epoch;
      }
    } else if (shape.epochSlot >= 0) epoch = chunk[first + shape.epochSlot] as number;
    if (!Number.isFinite(epoch)) epoch = Number.NaN;

    const step = this.#step(given.step, training);
    const stored = shape.stored(known);
    chunk[start + TIME_SLOT] =
      given.time === undefined ? around.clock.epoch(now) : this.#time(given.time, now);
    chunk[start + STEP_SLOT] = step;
    chunk[start + EPOCH_SLOT] = epoch;
    const count = stored.keys.length;
    let at = first + shape.keys.length;
    const derived = stored.derived;
    for (let i = 0; i < derived.length; i++) {
      const { derivation, fromSlot } = derived[i] as (typeof derived)[number];
      chunk[at++] = derivation.value(facts, fromSlot < 0 ? 0 : (chunk[first + fromSlot] as number));
    }
    const states = stored.states;
    for (let i = 0; i < count; i++) (states[i] as KeyState).gauge.set(chunk[first + i] as number);
    this.#used = at;

    around.take(new StepRecord(around.nextSeq(), stored, chunk, start), now);
    if (training)
      around.count(
        known & KNOWN.tokens ? facts.tokens : Number.NaN,
        known & KNOWN.samples ? facts.samples : Number.NaN,
        known & KNOWN.time ? seconds : Number.NaN,
      );
    if (bad || this.#openEpisodes > 0) this.#watch(stored, chunk, first, step);
  }

  /** Where something stands that belongs to a step without being one: the last step unless told otherwise. */
  place({ step, epoch, time }: Pick<StepOptions, 'step' | 'epoch' | 'time'>): {
    step: number;
    epoch: number | undefined;
    time: number;
  } {
    const now = this.#around.clock.monotonic();
    const given = epoch === undefined ? Number.NaN : this.#number('epoch', epoch);
    return {
      step: this.#step(step, false),
      epoch: Number.isFinite(given) ? given : undefined,
      time: time === undefined ? this.#around.clock.epoch(now) : this.#time(time, now),
    };
  }

  /**
   * Copies the values to the chunk (a new one when it is full) and leaves their shape in `#shape`. Tries the shape of
   * the last call, then the one that followed it before: loops alternate. Returns whether a value is not finite.
   */
  #copy(values: StepValues): boolean {
    const shape = this.#shape;
    let found = this.#fill(shape, values);
    if (found !== MISMATCH) return found === NON_FINITE;
    const { next } = shape;
    if (next) {
      found = this.#fill(next, values);
      if (found !== MISMATCH) {
        this.#shape = next;
        return found === NON_FINITE;
      }
    }
    const bad = this.#copySlowly(values);
    shape.next = this.#shape;
    return bad;
  }

  /** Copies values that have exactly the keys of a shape, in its order, and are all numbers. */
  #fill(shape: InputShape, values: StepValues): number {
    const keys = shape.keys;
    const count = keys.length;
    const chunk = this.#chunk;
    const first = this.#used + FIRST_VALUE;
    if (first + count + ROOM_FOR_DERIVED > chunk.length) return MISMATCH;
    let found = FINITE;
    let i = 0;
    for (const key in values) {
      if (i >= count || key !== keys[i]) return MISMATCH;
      const value = values[key];
      if (typeof value !== 'number') return MISMATCH;
      chunk[first + i++] = value;
      if (value - value !== 0) found = NON_FINITE;
    }
    return i === count ? found : MISMATCH;
  }

  /** Keys that were not given together last time, a value that is not a number, or a chunk that is full. */
  #copySlowly(values: StepValues): boolean {
    const keys: string[] = [];
    const numbers: number[] = [];
    for (const key of Object.keys(values)) {
      const value: unknown = values[key];
      if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'boolean') {
        if (value !== undefined) this.#around.onSkipped(key, value === null ? 'null' : typeof value);
        continue;
      }
      keys.push(key);
      numbers.push(Number(value));
    }
    this.#shape = this.#shapes.get(keys);
    const needed = FIRST_VALUE + keys.length + ROOM_FOR_DERIVED;
    if (this.#used + needed > this.#chunk.length) {
      this.#chunk = new Float64Array(Math.max(CHUNK_VALUES, needed));
      this.#used = 0;
    }
    this.#chunk.set(numbers, this.#used + FIRST_VALUE);
    return numbers.some((value) => !Number.isFinite(value));
  }

  #step(given: number | bigint | undefined, training: boolean): number {
    if (given !== undefined) {
      const step = typeof given === 'bigint' ? Number(given) : given;
      if (Number.isInteger(step)) {
        if (training) this.lastStep = step;
        return step;
      }
      this.#around.onSkipped('step', `${typeof given} ${String(given)}, which is not a whole number`);
    }
    if (training) return ++this.lastStep;
    return Math.max(this.lastStep, 0);
  }

  #number(name: string, value: unknown): number {
    if (typeof value === 'number') return value;
    if (typeof value === 'bigint') return Number(value);
    this.#around.onSkipped(name, typeof value);
    return Number.NaN;
  }

  #time(value: unknown, now: number): number {
    const time = value instanceof Date ? value.getTime() : this.#number('time', value);
    return Number.isFinite(time) ? time : this.#around.clock.epoch(now);
  }

  #watch(stored: StoredShape, chunk: Float64Array, first: number, step: number): void {
    for (const [index, state] of stored.states.entries()) {
      const value = chunk[first + index] as number;
      const finite = Number.isFinite(value);
      if (!finite) this.nonFiniteValues++;
      if (!state.watched || state.nonFinite !== finite) continue;
      state.nonFinite = !finite;
      if (finite) this.#openEpisodes--;
      else {
        this.#openEpisodes++;
        state.episodes++;
      }
      this.#around.onEpisode(state, value, step);
    }
  }
}
