import type { SampleDelta } from './wire.ts';

/** What the sampler tells. */
export type SamplerMessage =
  /** `time`: milliseconds since 1970 at the end of the sample. */
  | { readonly type: 'sample'; readonly seq: number; readonly time: number; readonly delta: SampleDelta }
  /** There is nothing to observe: the sampler ends for good. */
  | { readonly type: 'absent'; readonly why: string }
  /** No readings for now. */
  | { readonly type: 'trouble'; readonly reason: TroubleReason; readonly why: string }
  /** For the log, once each. */
  | { readonly type: 'log'; readonly message: string };

/** What reaches the program: also that there is a keeper which it has not started itself. */
export type KeeperMessage = SamplerMessage | { readonly type: 'keeper'; readonly pid: number };

/** `llm_otel.reason` of an observer that is down. */
export type TroubleReason = 'stalled' | 'driver' | 'crashed';
