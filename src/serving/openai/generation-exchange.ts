import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { ATTR, METRIC } from '../../conventions/index.ts';
import { instruments } from '../../telemetry/instruments/registry.ts';
import type { Generation } from '../generation/generation.ts';
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
import { replyResult } from './reply-result.ts';
import { RequestBody } from './request-body.ts';
import { promptOf } from './request-facts.ts';
import type { LlmRoute } from './routes.ts';

const SCOPE = 'llm-otel.openai';
/** Bytes of a reply that wait for the end of the request that they answer. */
const MAX_HELD_BYTES = 64 * 1024;

interface ReplyPiece {
  chunk: Uint8Array | string;
  at: number;
}

/**
 * Reads one exchange on an OpenAI-style route and records it as a generation.
 *
 * The generation begins when the request's body is complete (its model is known then), with the time at which the
 * request was received. A reply that begins earlier (a refusal without reading) begins it too.
 */
export class GenerationExchange implements ExchangeObserver {
  readonly #request: ObservedRequest;
  readonly route: string;
  readonly #route: LlmRoute;
  readonly #capture: boolean;
  readonly #body = new RequestBody();
  readonly #facts: ReplyFacts = { finishReasons: [] };
  #generation: Generation | undefined;
  #reader: ReplyReader | undefined;
  #decoder: ReplyDecoder | undefined;
  #reply: ObservedReply | undefined;
  #held: ReplyPiece[] | undefined = [];
  #heldBytes = 0;
  #unreadable = false;
  #stoodBack = false;

  constructor(request: ObservedRequest, route: LlmRoute, capture: boolean) {
    this.#request = request;
    this.#route = route;
    this.route = route.suffix;
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
    const bytes =
      typeof chunk === 'string' && encoding !== undefined && !/^utf-?8$/i.test(encoding)
        ? Buffer.from(chunk, encoding)
        : chunk;
    this.#reply = reply;
    if (this.#held && !this.#generation) {
      // A copy: it is read later, and the program may use its buffer again.
      this.#held.push({ chunk: typeof bytes === 'string' ? bytes : Uint8Array.from(bytes), at });
      this.#heldBytes += bytes.length;
      if (this.#heldBytes > MAX_HELD_BYTES) this.#begin();
      return;
    }
    this.#read(bytes, at);
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

  #read(chunk: Uint8Array | string, at: number): void {
    const generation = this.#generation;
    if (!generation || this.#unreadable) return;
    if (!this.#reader) {
      generation.firstByte(at);
      this.#open(generation);
    }
    if (this.#decoder) this.#decoder.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk, at);
    else this.#reader?.push(chunk, at);
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
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const { chunk, at } of held) this.#read(chunk, at);
    return generation;
  }

  #open(generation: Generation): void {
    const reply = this.#reply;
    const encoding = reply?.header('content-encoding')?.trim().toLowerCase() ?? 'identity';
    const reader = new ReplyReader({
      contentType: reply?.header('content-type'),
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
    generation.update(replyResult(this.#facts, this.#capture));
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

/** A reply that could not be read: its request is counted, its tokens are not. */
function giveUp(reason: 'encoding' | 'too_long'): void {
  instruments
    .counter(METRIC.droppedItems, SCOPE)
    .bind({ [ATTR.droppedSignal]: 'replies', [ATTR.droppedReason]: reason })
    .add(1);
}
