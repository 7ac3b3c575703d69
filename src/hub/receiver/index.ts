export { DEFAULT_LIMITS, type ReceiverLimits } from './limits.ts';
export { createOtlpReceiver, type OtlpReceiver, type ReceiverOptions } from './receiver.ts';
export type { ReceiverStats } from './receiver-stats.ts';
