import { diag } from '@opentelemetry/api';
import { tapReadable } from './tap-readable.ts';
import { ChunkRecorder, type TokensOf, type TrackedGeneration } from './track-chunk.ts';

/** Passes a `ReadableStream` through and records it; see `tapReadable` for what stays as it was. */
export function trackReadable<T>(
  stream: ReadableStream<T>,
  generation: TrackedGeneration,
  tokensOf: TokensOf<T> | undefined,
): ReadableStream<T> {
  if (stream.locked) {
    diag.warn('llm-otel: track() was given a stream that is already being read; it is not recorded.');
    return stream;
  }
  const recorder = new ChunkRecorder(generation, tokensOf);
  return tapReadable(stream, {
    chunk: (chunk) => recorder.record(chunk),
    done: () => recorder.done(),
    failed: (error) => recorder.failed(error),
    cancelled: () => recorder.stopped(),
  });
}
