import type { Attributes, Context } from '@opentelemetry/api';
import type { Outcome } from '../../conventions/index.ts';

/** What is known when a request for a generation arrives. All times are `performance.now()` milliseconds. */
export interface GenerationOptions {
  /** Model that was asked for (`gen_ai.request.model`). */
  model: string;
  /** `gen_ai.operation.name`; default `chat`. */
  operation?: 'chat' | 'text_completion' | 'generate_content' | 'embeddings' | (string & {});
  /** `gen_ai.provider.name`; default LLM_OTEL_PROVIDER_NAME, else `openai`. */
  provider?: string;
  /** INTERNAL when the model runs in this process (default), CLIENT when the request is forwarded. */
  kind?: 'internal' | 'client';
  stream?: boolean;
  maxTokens?: number;
  temperature?: number;
  topP?: number;
  topK?: number;
  frequencyPenalty?: number;
  presencePenalty?: number;
  stopSequences?: readonly string[];
  seed?: number;
  /** Choices asked for (`n`). */
  choiceCount?: number;
  /** Length of the prompt in characters, and in tokens when known. */
  promptLength?: number;
  inputTokens?: number;
  batchSize?: number;
  /** `http.route` of the request, kept on the metrics. */
  route?: string;
  /** Run that produced the served model (`llm.model.run_id`); default LLM_OTEL_MODEL_RUN_ID. */
  modelRunId?: string;
  conversationId?: string;
  /** When the request was received; default now. */
  startTime?: number;
  /** Parent of the span; default the active context. */
  context?: Context;
  /** Further attributes of the span (never of the metrics). */
  attributes?: Attributes;
  /** Prompt, recorded only when content capture was asked for (LLM_OTEL_CAPTURE_CONTENT). */
  inputMessages?: unknown;
}

/** What is known when a generation ends well. */
export interface GenerationResult {
  /** Total output tokens as billed; counted from `tokens()` and `chunk()` when not given. */
  outputTokens?: number;
  inputTokens?: number;
  cachedTokens?: number;
  reasoningTokens?: number;
  /** One for each choice; `length` (the limit was reached) makes the outcome `length`. */
  finishReasons?: readonly string[];
  responseModel?: string;
  responseId?: string;
  /** Requests that the model worked on together with this one, when known only after the queue. */
  batchSize?: number;
  /** Length of the prompt in characters, when known only after the start. */
  promptLength?: number;
  /** Reply, recorded only when content capture was asked for. */
  outputMessages?: unknown;
  /** When the last byte or token was out; default now. */
  endTime?: number;
}

/**
 * One generation, from the request to its end. It ends exactly once: whatever comes after `end`, `fail` or `abort`
 * is ignored. None of the methods throws. `at` is `performance.now()` milliseconds, default now.
 */
export interface Generation {
  /** The context with the `chat {model}` span in it: run the model's work in it, so that its spans are children. */
  readonly context: Context;
  readonly ended: boolean;
  /** Undefined until it has ended. */
  readonly outcome: Outcome | undefined;
  /** The request left the queue and the model took it. */
  queueEnd(at?: number): void;
  /** First byte of the reply body (not the first token). */
  firstByte(at?: number): void;
  /** First non-empty content, reasoning or tool-call delta. Only the first call counts. */
  firstToken(at?: number): void;
  /** `count` more output tokens; also marks the first token. Hot: a few field writes. */
  tokens(count: number, at?: number): void;
  /** A chunk of the reply that holds content (tokens unknown unless given); marks the first token; measures inter-chunk time. */
  chunk(tokens?: number, at?: number): void;
  /** Anything learned on the way: usage, finish reasons, the response's model and id. Later calls add and overwrite. */
  update(partial: GenerationResult): void;
  end(result?: GenerationResult): void;
  /** `error.type`: `type` when given, else the error's name, else its code. */
  fail(error: unknown, details?: { type?: string; endTime?: number }): void;
  /** The client gave up: an outcome, not an error. */
  abort(endTime?: number): void;
  /**
   * Takes the generation back as if it had never begun: nothing is recorded, no span is exported, the up-down
   * counters are set back. For the automatic generation of a request that the program turns out to record itself.
   */
  discard(): void;
  /**
   * Passes a stream through and records it: first non-empty chunk, chunks, end, `break`, throw and cancel.
   * `tokensOf` says how many tokens a chunk holds; it returns 0 for a chunk without content (a role-only delta, a
   * comment) and undefined when it does not know. Without it, chunks of an OpenAI client are understood (content,
   * usage, finish reasons); every other chunk that is not empty counts as content of unknown length.
   *
   * `break`, `return` and cancel are an abort, unless the reply had given its finish reasons (or `end` was called)
   * before: then it was complete.
   */
  track<T>(stream: ReadableStream<T>, tokensOf?: (chunk: T) => number | undefined): ReadableStream<T>;
  track<T>(stream: AsyncIterable<T>, tokensOf?: (chunk: T) => number | undefined): AsyncIterableIterator<T>;
}
