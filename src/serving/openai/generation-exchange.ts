import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { ATTR, METRIC } from '../../conventions/index.ts';
import { instruments } from '../../telemetry/instruments/registry.ts';
import type { Generation, GenerationResult } from '../generation/generation.ts';
import { startAutomaticGeneration } from '../generation/start.ts';
import type {
  ExchangeEnd,
  ExchangeObserver,
  ObservedReply,
  ObservedRequest,
} from '../http/exchange-observer.ts';
import { canDecode, ReplyDecoder } from './reply-decoder.ts';
import type { ReplyFacts } from './reply-facts.ts';
import { ReplyReader } from './reply-reader.ts';
import { RequestBody } from './request-body.ts';
import { promptOf } from './request-facts.ts';
import type { LlmRoute } from './routes.ts';

const SCOPE = 'llm-otel/openai';

/**
 * Reads one exchange on an OpenAI-style route and records it as a generation.
 *
 * The generation begins when the request's body is complete (its model is known then), with the time at which the
 * request was received. A reply that begins earlier (a refusal without reading) begins it too.
 */
export class GenerationExchange implements ExchangeObserver {
  readonly #request: ObservedRequest;
  readonly #route: LlmRoute;
  readonly #capture: boolean;
  readonly #body = new RequestBody();
  readonly #facts: ReplyFacts = { finishReasons: [] };
  #generation: Generation | undefined;
  #reader: ReplyReader | undefined;
  #decoder: ReplyDecoder | undefined;
  #unreadable = false;
  #stoodBack = false;

  constructor(request: ObservedRequest, route: LlmRoute, capture: boolean) {
    this.#request = request;
    this.#route = route;
    this.#capture = capture;
    if (capture) this.#facts.text = [];
  }

  requestChunk(chunk: Uint8Array): void {
    if (!this.#generation) this.#body.push(chunk);
  }
  requestEnd(): void {
    this.#begin();
  }

  replyChunk(
    chunk: Uint8Array | string,
    encoding: BufferEncoding | undefined,
    at: number,
    reply: ObservedReply,
  ): void {
    const generation = this.#begin();
    if (!generation || this.#unreadable) return;
    if (!this.#reader) {
      generation.firstByte(at);
      this.#open(generation, reply);
    }
    const piece =
      typeof chunk === 'string' && encoding !== undefined && !/^utf-?8$/i.test(encoding)
        ? Buffer.from(chunk, encoding)
        : chunk;
    if (this.#decoder) this.#decoder.push(typeof piece === 'string' ? Buffer.from(piece) : piece, at);
    else this.#reader?.push(piece, at);
  }

  close(end: ExchangeEnd, reply: ObservedReply): void {
    const generation = this.#begin();
    if (!generation) return;
    const { statusCode } = reply;
    // What is compressed is decoded beside: the end waits for it, with the time that it had.
    if (this.#decoder) this.#decoder.end(() => this.#finish(generation, end, statusCode));
    else this.#finish(generation, end, statusCode);
  }

  standBack(): void {
    this.#stoodBack = true;
    this.#generation?.discard();
  }

  #begin(): Generation | undefined {
    if (this.#stoodBack || this.#request.explicitGeneration) return undefined;
    if (this.#generation) return this.#generation;
    const { facts, body } = this.#body.read();
    const { model = 'unknown', ...rest } = facts;
    const request = this.#request;
    // Outside of the request's context: what starts here is the automatic one.
    const generation = context.with(ROOT_CONTEXT, () =>
      startAutomaticGeneration(
        {
          ...rest,
          model,
          operation: this.#route.operation,
          startTime: request.startTime,
          context: request.context,
          ...(this.#capture && { inputMessages: promptOf(body) }),
        },
        request,
      ),
    );
    this.#generation = generation;
    // So that the request is found by its model without its child span.
    request.span?.setAttribute(ATTR.requestModel, model);
    request.span?.setAttribute(ATTR.operationName, this.#route.operation);
    return generation;
  }

  #open(generation: Generation, reply: ObservedReply): void {
    const encoding = reply.header('content-encoding')?.trim().toLowerCase() ?? 'identity';
    const reader = new ReplyReader({
      contentType: reply.header('content-type'),
      facts: this.#facts,
      onContent: (at) => generation.chunk(undefined, at),
    });
    if (encoding !== 'identity' && encoding !== '') {
      if (!canDecode(encoding)) {
        this.#unreadable = true;
        giveUp('encoding');
        return;
      }
      this.#decoder = new ReplyDecoder(encoding, (chunk, at) => reader.push(chunk, at));
    }
    this.#reader = reader;
  }

  #finish(generation: Generation, end: ExchangeEnd, statusCode: number): void {
    this.#reader?.end();
    for (let i = this.#reader?.skipped ?? 0; i > 0; i--) giveUp('too_long');
    generation.update(resultOf(this.#facts, this.#capture));
    const { endTime } = end;
    const { error } = this.#facts;
    if (end.error) generation.fail(end.error, { endTime });
    // Before `completed`: an error that the server answered counts as one, whether or not the client waited for it.
    else if (statusCode >= 400 || error) {
      const type = error?.type ?? String(statusCode);
      generation.fail(new Error(error?.message || `HTTP status ${statusCode}`), { type, endTime });
    } else if (!end.completed && !this.#facts.done) generation.abort(endTime);
    else generation.end({ endTime });
  }
}

function resultOf(facts: ReplyFacts, capture: boolean): GenerationResult {
  const result: GenerationResult = {
    inputTokens: facts.inputTokens,
    outputTokens: facts.outputTokens,
    cachedTokens: facts.cachedTokens,
    reasoningTokens: facts.reasoningTokens,
    responseModel: facts.model,
    responseId: facts.id,
  };
  // Choices that did not finish leave holes.
  const reasons = facts.finishReasons.filter((reason) => reason !== undefined);
  if (reasons.length > 0) result.finishReasons = reasons;
  if (capture && facts.text && facts.text.length > 0) {
    result.outputMessages = Array.from(facts.text, (content) => ({
      role: 'assistant',
      content: content ?? '',
    }));
  }
  return result;
}

/** A reply that could not be read: its request is counted, its tokens are not. */
function giveUp(reason: 'encoding' | 'too_long'): void {
  instruments
    .counter(METRIC.droppedItems, SCOPE)
    .bind({ [ATTR.droppedSignal]: 'replies', [ATTR.droppedReason]: reason })
    .add(1);
}
