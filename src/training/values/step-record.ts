import { ATTR, EVENT } from '../../conventions/index.ts';
import type { QueuedRecord } from '../delivery/outbox.ts';
import { type JournalRecord, numberText, sealLine, stepValueText } from '../journal/record.ts';
import { EPOCH_SLOT, FIRST_VALUE, STEP_SLOT, type StoredShape, TIME_SLOT } from './shape.ts';

const HEAD = `,"event":"${EVENT.trainingStep}","attributes":{"${ATTR.trainingStep}":`;
const EPOCH = `,"${ATTR.trainingEpoch}":`;

/** A recorded step: a place in a chunk of doubles and the keys of what lies there. */
export class StepRecord implements QueuedRecord {
  readonly seq: number;
  readonly #shape: StoredShape;
  readonly #chunk: Float64Array;
  readonly #start: number;

  constructor(seq: number, shape: StoredShape, chunk: Float64Array, start: number) {
    this.seq = seq;
    this.#shape = shape;
    this.#chunk = chunk;
    this.#start = start;
  }

  get isStep(): boolean {
    return true;
  }
  get size(): number {
    return 100 + 30 * this.#shape.keys.length;
  }

  /** Its line in the journal: what `encodeRecord(this.toRecord())` gives, without the objects in between. */
  line(): string {
    const chunk = this.#chunk;
    const start = this.#start;
    const epoch = chunk[start + EPOCH_SLOT] as number;
    let text = `{"seq":${this.seq},"time":${chunk[start + TIME_SLOT]}${HEAD}${numberText(chunk[start + STEP_SLOT] as number)}${
      epoch === epoch ? EPOCH + numberText(epoch) : ''
    }},"body":{`;
    const labels = this.#shape.labels;
    const first = start + FIRST_VALUE;
    for (let i = 0; i < labels.length; i++)
      text += (labels[i] as string) + stepValueText(chunk[first + i] as number);
    return sealLine(`${text}}`);
  }

  toRecord(): JournalRecord {
    const chunk = this.#chunk;
    const start = this.#start;
    const epoch = chunk[start + EPOCH_SLOT] as number;
    const first = start + FIRST_VALUE;
    return {
      seq: this.seq,
      time: chunk[start + TIME_SLOT] as number,
      event: EVENT.trainingStep,
      attributes: {
        [ATTR.trainingStep]: chunk[start + STEP_SLOT] as number,
        ...(epoch === epoch ? { [ATTR.trainingEpoch]: epoch } : {}),
      },
      body: Object.fromEntries(this.#shape.keys.map((key, index) => [key, chunk[first + index] as number])),
    };
  }
}
