/** What is known of a step beside its values. */
export interface StepFacts {
  /** Seconds; meaningful only with `KNOWN.time`. */
  stepTime: number;
  tokens: number;
  samples: number;
  /** Tokens of the run until and with this step. */
  totalTokens: number;
  epoch: number;
}

/** Bits: which facts are known. */
export const KNOWN = { time: 1, tokens: 2, samples: 4, epoch: 8 } as const;
/** Number of combinations of the bits. */
export const KNOWN_COMBINATIONS = 16;

/** A value that is added when the user did not give it. */
export interface Derivation {
  readonly key: string;
  /** Key whose value it is made from, when it is made from one. */
  readonly from?: string;
  /** Bits of `KNOWN` that it needs. */
  readonly needs: number;
  readonly value: (facts: StepFacts, from: number) => number;
}

/** In this order; all of `conventions/catalogue.ts`. Perplexity = exp(mean cross-entropy in nats). */
export const DERIVATIONS: readonly Derivation[] = [
  { key: 'train/perplexity', from: 'train/loss', needs: 0, value: (_, loss) => Math.exp(loss) },
  { key: 'val/perplexity', from: 'val/loss', needs: 0, value: (_, loss) => Math.exp(loss) },
  { key: 'train/step_time', needs: KNOWN.time, value: (facts) => facts.stepTime },
  {
    key: 'train/tokens_per_second',
    needs: KNOWN.time | KNOWN.tokens,
    value: (facts) => facts.tokens / facts.stepTime,
  },
  {
    key: 'train/samples_per_second',
    needs: KNOWN.time | KNOWN.samples,
    value: (facts) => facts.samples / facts.stepTime,
  },
  { key: 'train/tokens', needs: KNOWN.tokens, value: (facts) => facts.totalTokens },
  { key: 'train/epoch', needs: KNOWN.epoch, value: (facts) => facts.epoch },
];

/** A given value that stands for a fact: tokens/s follow a step time that the user measured. */
export const STEP_TIME_KEY = 'train/step_time';
export const EPOCH_KEY = 'train/epoch';
export const TOTAL_TOKENS_KEY = 'train/tokens';
