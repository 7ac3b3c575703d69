/** Bounds of the receiver. Every one has a default; `undefined` means that default. */
export interface ReceiverLimits {
  /** Most bytes of a body as sent; default 20 MiB (the Collector's max_request_body_size). More: 413. */
  compressedBytes: number;
  /** Most bytes of a body after decompression; default 64 MiB (OTLP 1.11 recommends it). More: 413. */
  bytes: number;
  /** Most bytes of all bodies being received, decoded or stored at one time; default 192 MiB. More: 503. */
  inFlightBytes: number;
  /** Longest time for a body to arrive, milliseconds; default 30,000. Longer: 408. */
  bodyTimeoutMs: number;
  /** Seconds in the Retry-After of a 503; default 1. */
  retryAfterSeconds: number;
  /** Most bytes that are read and thrown away after a refusal, so that the sender can read why; default 32 MiB. */
  discardBytes: number;
}

const MIB = 1024 * 1024;
export const DEFAULT_LIMITS: ReceiverLimits = {
  compressedBytes: 20 * MIB,
  bytes: 64 * MIB,
  inFlightBytes: 192 * MIB,
  bodyTimeoutMs: 30_000,
  retryAfterSeconds: 1,
  discardBytes: 32 * MIB,
};
