import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ATTR, METRIC } from '../../../src/conventions/index.ts';
import { configureServing, resetServingSettings } from '../../../src/serving/generation/settings.ts';
import { startAutomaticGeneration, startGeneration } from '../../../src/serving/generation/start.ts';
import { REQUEST_SCOPE, type RequestScope } from '../../../src/serving/http/request-scope.ts';
import { newModel, seriesOf, sumOf, total } from './recorded.ts';

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });

beforeAll(() => {
  trace.setGlobalTracerProvider(provider);
});
afterAll(async () => {
  trace.disable();
  await provider.shutdown();
});
beforeEach(() => {
  exporter.reset();
  resetServingSettings({});
});

function onlySpan(): ReadableSpan {
  const spans = exporter.getFinishedSpans();
  expect(spans).toHaveLength(1);
  return spans[0] as ReadableSpan;
}
/** A start far enough in the past for made-up times to lie before now. */
const received = (): number => performance.now() - 60_000;

describe('a generation that ends well', () => {
  it('records duration, time to first token and time per output token as the conventions define them', () => {
    const model = newModel();
    const startTime = received();
    const generation = startGeneration({ model, stream: true, startTime });
    generation.queueEnd(startTime + 50);
    generation.firstByte(startTime + 60);
    generation.firstToken(startTime + 200);
    generation.tokens(1, startTime + 200);
    generation.tokens(4);
    generation.end({ endTime: startTime + 1200 });
    expect(generation.outcome).toBe('completed');
    expect(sumOf(METRIC.requestDuration, model)).toBeCloseTo(1.2);
    expect(sumOf(METRIC.timeToFirstToken, model)).toBeCloseTo(0.2);
    expect(sumOf(METRIC.timePerOutputToken, model)).toBeCloseTo(1 / 4);
    expect(sumOf(METRIC.queueDuration, model)).toBeCloseTo(0.05);
    expect(sumOf(METRIC.timeToFirstByte, model)).toBeCloseTo(0.06);
    expect(total(METRIC.servingRequests, model, { [ATTR.outcome]: 'completed' })).toBe(1);
    expect(total(METRIC.servingTokens, model, { [ATTR.tokenType]: 'output' })).toBe(5);
  });

  it('believes the reported usage rather than its own count', () => {
    const model = newModel();
    const generation = startGeneration({ model, inputTokens: 7 });
    generation.tokens(3);
    generation.update({ outputTokens: 11, inputTokens: 20 });
    generation.end({ cachedTokens: 5, reasoningTokens: 4, inputTokens: 21 });
    const tokens = (type: string) => total(METRIC.servingTokens, model, { [ATTR.tokenType]: type });
    expect(['input', 'output', 'cached', 'reasoning'].map(tokens)).toEqual([21, 11, 5, 4]);
  });

  it('has no time per output token for a reply of one token', () => {
    const model = newModel();
    const generation = startGeneration({ model });
    generation.tokens(1);
    generation.end();
    expect(total(METRIC.timeToFirstToken, model)).toBe(1);
    expect(total(METRIC.timePerOutputToken, model)).toBe(0);
  });

  it('has no time to first token when the reply came at once', () => {
    const model = newModel();
    startGeneration({ model }).end({ outputTokens: 50, finishReasons: ['stop'] });
    expect(total(METRIC.requestDuration, model)).toBe(1);
    expect(total(METRIC.timeToFirstToken, model)).toBe(0);
    expect(total(METRIC.timePerOutputToken, model)).toBe(0);
  });

  it.each(['length', 'max_tokens', 'MAX_TOKENS', 'max_output_tokens'])(
    'ends as length when a choice stopped with %s',
    (reason) => {
      const model = newModel();
      const generation = startGeneration({ model });
      generation.tokens(1);
      generation.end({ finishReasons: ['stop', reason] });
      expect(generation.outcome).toBe('length');
      expect(total(METRIC.servingRequests, model, { [ATTR.outcome]: 'length' })).toBe(1);
      expect(total(METRIC.timeToFirstToken, model)).toBe(1);
    },
  );

  it('measures the time between chunks and counts a chunk of unknown size as one estimated token', () => {
    const model = newModel();
    const startTime = received();
    const generation = startGeneration({ model, stream: true, startTime });
    for (const at of [100, 130, 170]) generation.chunk(undefined, startTime + at);
    generation.end({ endTime: startTime + 200 });
    expect(total(METRIC.interChunkDuration, model)).toBe(2);
    expect(sumOf(METRIC.interChunkDuration, model)).toBeCloseTo(0.07);
    expect(total(METRIC.servingTokens, model, { [ATTR.tokenType]: 'output' })).toBe(3);
    // An estimate is not a usage: it makes no time per output token and no usage attribute.
    expect(total(METRIC.timePerOutputToken, model)).toBe(0);
    const { attributes } = onlySpan();
    expect(attributes[ATTR.servingOutputTokensEstimated]).toBe(3);
    expect(attributes).not.toHaveProperty([ATTR.usageOutputTokens]);
    expect(attributes[ATTR.servingChunks]).toBe(3);
  });

  it('keeps the response model on what is recorded at the end', () => {
    const model = newModel();
    startGeneration({ model, route: '/v1/chat/completions' }).end({ responseModel: 'm-2026-01' });
    expect(seriesOf(METRIC.requestDuration, model)[0]?.attributes).toEqual({
      [ATTR.operationName]: 'chat',
      [ATTR.providerName]: 'openai',
      [ATTR.requestModel]: model,
      [ATTR.responseModel]: 'm-2026-01',
      [ATTR.httpRoute]: '/v1/chat/completions',
    });
  });
});

describe('a generation that does not end well', () => {
  it('counts an error with its type and keeps it out of the latencies of successful requests', () => {
    const model = newModel();
    const generation = startGeneration({ model });
    generation.tokens(5);
    generation.fail(new RangeError('context too long'));
    expect(generation.outcome).toBe('error');
    expect(
      total(METRIC.servingRequests, model, { [ATTR.outcome]: 'error', [ATTR.errorType]: 'RangeError' }),
    ).toBe(1);
    expect(total(METRIC.requestDuration, model, { [ATTR.errorType]: 'RangeError' })).toBe(1);
    expect(total(METRIC.timeToFirstToken, model)).toBe(0);
    expect(total(METRIC.timePerOutputToken, model)).toBe(0);
    const span = onlySpan();
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: 'context too long' });
    expect(span.attributes[ATTR.errorType]).toBe('RangeError');
  });

  it.each([
    [Object.assign(new Error('x'), { code: 'ECONNRESET' }), 'ECONNRESET'],
    [new TypeError('x'), 'TypeError'],
    [Object.assign(new Error('x'), { name: 'RateLimitError' }), 'RateLimitError'],
    [new Error('x'), 'Error'],
    ['a string', '_OTHER'],
    [undefined, '_OTHER'],
    [null, '_OTHER'],
  ])('names the type of %s', (error, type) => {
    const model = newModel();
    startGeneration({ model }).fail(error);
    expect(total(METRIC.servingRequests, model, { [ATTR.errorType]: type })).toBe(1);
  });

  it('prefers the type that the caller gives', () => {
    const model = newModel();
    startGeneration({ model }).fail(new Error('x'), { type: '503' });
    expect(total(METRIC.servingRequests, model, { [ATTR.errorType]: '503' })).toBe(1);
  });

  it('counts an abort as an outcome, not as an error', () => {
    const model = newModel();
    const generation = startGeneration({ model });
    generation.tokens(5);
    generation.abort();
    expect(total(METRIC.servingRequests, model, { [ATTR.outcome]: 'aborted' })).toBe(1);
    expect(total(METRIC.timeToFirstToken, model)).toBe(0);
    expect(total(METRIC.servingTokens, model, { [ATTR.tokenType]: 'output' })).toBe(5);
    const span = onlySpan();
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.attributes).not.toHaveProperty([ATTR.errorType]);
    expect(span.attributes[ATTR.outcome]).toBe('aborted');
  });

  it('takes the error of an AbortSignal for an abort', () => {
    const model = newModel();
    startGeneration({ model }).fail(new DOMException('gone', 'AbortError'));
    expect(total(METRIC.servingRequests, model, { [ATTR.outcome]: 'aborted' })).toBe(1);
  });

  it('keeps a bounded number of error types apart', () => {
    const model = newModel();
    for (let i = 0; i < 200; i++) startGeneration({ model }).fail(new Error('x'), { type: `type-${i}` });
    expect(seriesOf(METRIC.requestDuration, model)).toHaveLength(51);
    expect(total(METRIC.requestDuration, model, { [ATTR.errorType]: '_OTHER' })).toBe(150);
  });
});

describe('the end of a generation', () => {
  it('comes exactly once', () => {
    const model = newModel();
    const generation = startGeneration({ model });
    generation.end();
    generation.fail(new Error('late'));
    generation.abort();
    generation.end();
    generation.tokens(3);
    generation.chunk();
    generation.firstToken();
    generation.queueEnd();
    generation.firstByte();
    generation.update({ outputTokens: 3 });
    generation.discard();
    expect(generation.outcome).toBe('completed');
    expect(total(METRIC.servingRequests, model)).toBe(1);
    expect(total(METRIC.activeRequests, model)).toBe(0);
    expect(total(METRIC.awaitingFirstToken, model)).toBe(0);
    expect(exporter.getFinishedSpans()).toHaveLength(1);
  });

  it('sets the up-down counters back whether or not a token was seen', () => {
    const model = newModel();
    const waiting = startGeneration({ model });
    const running = startGeneration({ model });
    running.firstToken();
    expect(total(METRIC.activeRequests, model)).toBe(2);
    expect(total(METRIC.awaitingFirstToken, model)).toBe(1);
    waiting.abort();
    running.end();
    expect(total(METRIC.activeRequests, model)).toBe(0);
    expect(total(METRIC.awaitingFirstToken, model)).toBe(0);
  });

  it('leaves no trace of one that was discarded', () => {
    const model = newModel();
    const generation = startGeneration({ model });
    generation.firstByte();
    generation.queueEnd();
    generation.discard();
    generation.end();
    expect(generation.ended).toBe(true);
    for (const metric of [
      METRIC.servingRequests,
      METRIC.requestDuration,
      METRIC.timeToFirstByte,
      METRIC.queueDuration,
      METRIC.activeRequests,
      METRIC.awaitingFirstToken,
    ])
      expect(total(metric, model), metric.name).toBe(0);
    expect(exporter.getFinishedSpans()).toHaveLength(0);
  });

  it('does not stop the program when it cannot be recorded at all', async () => {
    const broken = vi.spyOn(trace, 'getTracer').mockImplementation(() => {
      throw new Error('broken SDK');
    });
    const generation = startGeneration({ model: newModel() });
    broken.mockRestore();
    generation.tokens(1);
    const chunks: number[] = [];
    async function* source() {
      yield 1;
      yield 2;
    }
    for await (const chunk of generation.track(source())) chunks.push(chunk);
    generation.end();
    expect(chunks).toEqual([1, 2]);
    expect(() => startGeneration(undefined as never).fail(new Error('x'))).not.toThrow();
  });

  it('never throws, whatever it is given', () => {
    const generation = startGeneration({ model: undefined as unknown as string });
    for (const odd of [Number.NaN, -1, Infinity, 'x', undefined, null, 1n, Symbol('x')]) {
      generation.tokens(odd as number);
      generation.chunk(odd as number);
    }
    generation.update(null as never);
    generation.end({ finishReasons: 7 as never, outputTokens: 'x' as never });
    startGeneration({ model: newModel() }).fail(Object.create(null));
    expect(generation.ended).toBe(true);
  });
});

describe('the span of a generation', () => {
  it('says what explains the request', () => {
    const startTime = received();
    const generation = startGeneration({
      model: 'm',
      stream: true,
      startTime,
      maxTokens: 100,
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      frequencyPenalty: 0.1,
      presencePenalty: 0.2,
      stopSequences: ['\n'],
      seed: 7,
      choiceCount: 2,
      promptLength: 1234,
      batchSize: 3,
      conversationId: 'c1',
      modelRunId: 'run-1',
      attributes: { mine: 'yes' },
    });
    generation.queueEnd(startTime + 10);
    generation.chunk(2, startTime + 100);
    generation.end({
      endTime: startTime + 1100,
      inputTokens: 300,
      outputTokens: 51,
      finishReasons: ['stop', 'length'],
      responseId: 'r1',
    });
    const span = onlySpan();
    expect(span.name).toBe('chat m');
    expect(span.kind).toBe(SpanKind.INTERNAL);
    expect(span.attributes).toMatchObject({
      mine: 'yes',
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'm',
      'gen_ai.request.stream': true,
      'gen_ai.request.max_tokens': 100,
      'gen_ai.request.temperature': 0.5,
      'gen_ai.request.top_p': 0.9,
      'gen_ai.request.top_k': 40,
      'gen_ai.request.frequency_penalty': 0.1,
      'gen_ai.request.presence_penalty': 0.2,
      'gen_ai.request.stop_sequences': ['\n'],
      'gen_ai.request.seed': 7,
      'gen_ai.request.choice.count': 2,
      'gen_ai.conversation.id': 'c1',
      'gen_ai.response.id': 'r1',
      'gen_ai.response.finish_reasons': ['stop', 'length'],
      'gen_ai.usage.input_tokens': 300,
      'gen_ai.usage.output_tokens': 51,
      'llm.model.run_id': 'run-1',
      'llm.serving.prompt_length': 1234,
      'llm.serving.batch_size': 3,
      'llm.serving.queue.duration': expect.closeTo(0.01, 6),
      'llm.serving.time_to_first_token': expect.closeTo(0.1, 6),
      'llm.serving.time_per_output_token': expect.closeTo(0.02, 6),
      'llm.serving.chunks': 1,
      'llm.serving.completion_ratio': 51 / 200,
      'llm.outcome': 'length',
    });
    const [seconds, nanoseconds] = span.duration;
    expect(seconds + nanoseconds / 1e9).toBeCloseTo(1.1, 3);
  });

  it('is a CLIENT span when the request is forwarded', () => {
    startGeneration({ model: 'm', kind: 'client', operation: 'text_completion', provider: 'vllm' }).end();
    const span = onlySpan();
    expect([span.kind, span.name]).toEqual([SpanKind.CLIENT, 'text_completion m']);
  });

  it('starts and ends at true times even when they were given as in the future', () => {
    const before = Date.now();
    const generation = startGeneration({ model: 'm', startTime: performance.now() + 5 });
    generation.end({ endTime: performance.now() + 50 });
    const { startTime, endTime } = onlySpan();
    for (const time of [startTime, endTime])
      expect(time[0]).toBeGreaterThanOrEqual(Math.floor(before / 1000) - 1);
  });

  it('is the parent of what runs in its context', () => {
    const generation = startGeneration({ model: 'm' });
    provider.getTracer('t').startSpan('child', {}, generation.context).end();
    generation.end();
    const [child, parent] = exporter.getFinishedSpans();
    expect(child?.parentSpanContext?.spanId).toBe(parent?.spanContext().spanId);
  });

  it('holds prompt and reply only when that was asked for', () => {
    const messages = [{ role: 'user', content: 'secret' }];
    startGeneration({ model: 'm', inputMessages: messages }).end({ outputMessages: 'reply' });
    expect(JSON.stringify(onlySpan().attributes)).not.toMatch(/secret|reply/);
    exporter.reset();
    configureServing({ captureContent: true });
    startGeneration({ model: 'm', inputMessages: messages }).end({ outputMessages: 'reply' });
    expect(onlySpan().attributes).toMatchObject({
      'gen_ai.input.messages': JSON.stringify(messages),
      'gen_ai.output.messages': 'reply',
    });
  });
});

describe('inside a request that the HTTP instrumentation sees', () => {
  const inScope = <T>(scope: RequestScope, work: (ctx: ReturnType<typeof context.active>) => T): T => {
    // No context manager is needed: what `context.active()` would give is put in its place.
    const scoped = context.active().setValue(REQUEST_SCOPE, scope);
    const spy = vi.spyOn(context, 'active').mockReturnValue(scoped);
    try {
      return work(scoped);
    } finally {
      spy.mockRestore();
    }
  };

  it('makes the automatic one stand back, and takes its start and its route', () => {
    const model = newModel();
    const startTime = received();
    const scope: RequestScope = { explicitGeneration: false, startTime };
    const generation = inScope(scope, () => startGeneration({ model }));
    expect(scope.explicitGeneration).toBe(true);
    scope.route = '/chat/:id'; // the router is often asked only later
    generation.end({ endTime: startTime + 3000 });
    expect(sumOf(METRIC.requestDuration, model)).toBeCloseTo(3);
    expect(seriesOf(METRIC.requestDuration, model)[0]?.attributes[ATTR.httpRoute]).toBe('/chat/:id');
    expect(total(METRIC.activeRequests, model)).toBe(0);
  });

  it('is not marked by the automatic one', () => {
    const scope: RequestScope = { explicitGeneration: false, startTime: 0 };
    inScope(scope, () => startAutomaticGeneration({ model: newModel() })).end();
    expect(scope.explicitGeneration).toBe(false);
  });
});
