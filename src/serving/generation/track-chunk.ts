import { diag } from '@opentelemetry/api';
import type { Generation } from './generation.ts';

/** What the trackers need of a generation. */
export interface TrackedGeneration extends Generation {
  /** The consumer stopped reading before the end. */
  stopReading(): void;
}

export type TokensOf<T> = (chunk: T) => number | undefined;

/** Records chunks of a stream; a failing `tokensOf` is the user's bug and must not reach the reply. */
export function chunkRecorder<T>(
  generation: TrackedGeneration,
  tokensOf: TokensOf<T> | undefined,
): (chunk: T) => void {
  let warned = false;
  return (chunk) => {
    let tokens: number | undefined;
    if (tokensOf) {
      try {
        tokens = tokensOf(chunk);
      } catch (error) {
        if (!warned) diag.warn(`llm-otel: tokensOf of a tracked stream threw: ${String(error)}`);
        warned = true;
      }
    } else if (isEmpty(chunk)) tokens = 0;
    if (tokens !== 0) generation.chunk(tokens);
  };
}

function isEmpty(chunk: unknown): boolean {
  if (chunk === undefined || chunk === null || chunk === '') return true;
  return ArrayBuffer.isView(chunk) && chunk.byteLength === 0;
}
