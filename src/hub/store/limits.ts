/** Bounds on what one sender can make the store keep; what is beyond is refused in the partial success. */
export const LIMITS = {
  /** Attributes of a metric point. OpenTelemetry's own default for spans. */
  pointAttributes: 128,
  /** Bytes of a metric point's attributes on the wire. */
  pointAttributeBytes: 16 * 1024,
  /** Buckets of a histogram point (exponential ones have at most 160 a side by default). */
  histogramCounts: 2048,
  /** Keys of a run's step series, over all ranks. */
  runKeys: 10_000,
  /** Processes kept of a run, by each attribute that they are known by: ranks times attempts. */
  runProcesses: 4096,
  /** Notes and artifacts kept of a run, each. */
  runNotes: 10_000,
  /** Histograms of a run, over all ranks and names: one of 64 bins takes about 2 KB. */
  runHistograms: 200_000,
} as const;
