import { diag } from '@opentelemetry/api';
import { readReply, type ReplyFacts } from '../openai/reply-facts.ts';
import { replyResult } from '../openai/reply-result.ts';
import type { Generation } from './generation.ts';
import { servingSettings } from './settings.ts';

/** What the trackers need of a generation. */
export interface TrackedGeneration extends Generation {
  /** The consumer stopped reading before the end. */
  stopReading(): void;
}

export type TokensOf<T> = (chunk: T) => number | undefined;

/**
 * Records the chunks of a stream. Chunks of an OpenAI client are understood (content or not, usage, finish reasons,
 * errors) unless `tokensOf` says what a chunk holds.
 */
export class ChunkRecorder<T> {
  readonly #generation: TrackedGeneration;
  readonly #tokensOf: TokensOf<T> | undefined;
  #facts: ReplyFacts | undefined;
  #warned = false;

  constructor(generation: TrackedGeneration, tokensOf: TokensOf<T> | undefined) {
    this.#generation = generation;
    this.#tokensOf = tokensOf;
  }

  record(chunk: T): void {
    const tokens = this.#tokens(chunk);
    if (tokens !== 0) this.#generation.chunk(tokens);
  }
  /** The source is done. */
  done(): void {
    this.#conclude();
    this.#generation.end();
  }
  /** The consumer has gone. */
  stopped(): void {
    this.#conclude();
    this.#generation.stopReading();
  }
  failed(error: unknown): void {
    this.#conclude();
    this.#generation.fail(error);
  }

  #tokens(chunk: T): number | undefined {
    try {
      if (this.#tokensOf) return this.#tokensOf(chunk);
      if (isEmpty(chunk)) return 0;
      if (!isOpenAiChunk(chunk)) return undefined;
      this.#facts ??= { finishReasons: [], ...(servingSettings().captureContent && { text: [] }) };
      return readReply(chunk, this.#facts) ? undefined : 0;
    } catch (error) {
      // A bug of the user's `tokensOf`, or a getter of a chunk that throws: neither may reach the reply.
      if (!this.#warned)
        diag.warn(`llm-otel: a chunk of a tracked stream could not be read: ${String(error)}`);
      this.#warned = true;
      return undefined;
    }
  }

  #conclude(): void {
    const facts = this.#facts;
    if (!facts) return;
    this.#generation.update(replyResult(facts, servingSettings().captureContent));
    if (facts.error) this.#generation.fail(new Error(facts.error.message), { type: facts.error.type });
  }
}

function isEmpty(chunk: unknown): boolean {
  if (chunk === undefined || chunk === null || chunk === '') return true;
  return ArrayBuffer.isView(chunk) && chunk.byteLength === 0;
}

/** A chunk of Chat Completions or Completions, or an event of Responses. */
function isOpenAiChunk(chunk: unknown): boolean {
  if (typeof chunk !== 'object' || chunk === null) return false;
  const { choices, type } = chunk as { choices?: unknown; type?: unknown };
  return Array.isArray(choices) || (typeof type === 'string' && type.startsWith('response.'));
}
