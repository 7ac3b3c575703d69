import type { Attributes } from '@opentelemetry/api';
import { ATTR } from '../../conventions/index.ts';
import type { GenerationOptions, GenerationResult } from './generation.ts';
import type { ServingSettings } from './settings.ts';

/** Longest text of a prompt or a reply on a span, in characters. */
const MAX_CONTENT = 64 * 1024;

/** What a span says about the request. */
export function requestAttributes(
  options: GenerationOptions,
  model: string,
  operation: string,
  settings: ServingSettings,
): Attributes {
  const attributes: Attributes = {
    ...options.attributes,
    [ATTR.operationName]: operation,
    [ATTR.providerName]: options.provider ?? settings.provider,
    [ATTR.requestModel]: model,
  };
  // The convention: set `gen_ai.request.stream` only when streaming.
  if (options.stream === true) attributes[ATTR.requestStream] = true;
  // The convention: the choice count only when it is not 1.
  if (options.choiceCount !== undefined && options.choiceCount !== 1)
    attributes[ATTR.requestChoiceCount] = options.choiceCount;
  set(attributes, ATTR.requestMaxTokens, options.maxTokens);
  set(attributes, ATTR.requestTemperature, options.temperature);
  set(attributes, ATTR.requestTopP, options.topP);
  set(attributes, ATTR.requestTopK, options.topK);
  set(attributes, ATTR.requestFrequencyPenalty, options.frequencyPenalty);
  set(attributes, ATTR.requestPresencePenalty, options.presencePenalty);
  if (options.stopSequences && options.stopSequences.length > 0)
    attributes[ATTR.requestStopSequences] = [...options.stopSequences];
  set(attributes, ATTR.requestSeed, options.seed);
  set(attributes, ATTR.conversationId, options.conversationId);
  set(attributes, ATTR.modelRunId, options.modelRunId ?? settings.modelRunId);
  set(attributes, ATTR.servingPromptLength, options.promptLength);
  set(attributes, ATTR.servingBatchSize, options.batchSize);
  if (settings.captureContent) set(attributes, ATTR.inputMessages, contentOf(options.inputMessages));
  return attributes;
}

/** What was measured of a generation. Seconds, as on the metrics. */
export interface Measured {
  readonly timeToFirstToken: number | undefined;
  readonly timeToFirstByte: number | undefined;
  readonly timePerOutputToken: number | undefined;
  readonly queueDuration: number | undefined;
  readonly chunks: number;
  readonly inputTokens: number | undefined;
  /** As reported, or counted exactly by `tokens()`. */
  readonly outputTokens: number | undefined;
  /** One for each chunk whose tokens are not known; only when `outputTokens` is not known. */
  readonly estimatedOutputTokens: number | undefined;
}

/** What a span says about the reply, and what explains its times. */
export function replyAttributes(
  options: GenerationOptions,
  result: GenerationResult,
  measured: Measured,
  settings: ServingSettings,
): Attributes {
  const attributes: Attributes = {};
  set(attributes, ATTR.responseModel, result.responseModel);
  set(attributes, ATTR.responseId, result.responseId);
  if (result.finishReasons && result.finishReasons.length > 0)
    attributes[ATTR.responseFinishReasons] = [...result.finishReasons];
  set(attributes, ATTR.httpRoute, options.route);
  set(attributes, ATTR.usageInputTokens, measured.inputTokens);
  set(attributes, ATTR.usageOutputTokens, measured.outputTokens);
  set(attributes, ATTR.usageCacheReadInputTokens, result.cachedTokens);
  set(attributes, ATTR.usageReasoningOutputTokens, result.reasoningTokens);
  set(attributes, ATTR.servingOutputTokensEstimated, measured.estimatedOutputTokens);
  set(attributes, ATTR.servingTimeToFirstToken, measured.timeToFirstToken);
  set(attributes, ATTR.servingTimeToFirstByte, measured.timeToFirstByte);
  set(attributes, ATTR.servingTimePerOutputToken, measured.timePerOutputToken);
  set(attributes, ATTR.servingQueueDuration, measured.queueDuration);
  if (options.stream === true) set(attributes, ATTR.responseTimeToFirstChunk, measured.timeToFirstToken);
  if (measured.chunks > 0) attributes[ATTR.servingChunks] = measured.chunks;
  const limit = options.maxTokens;
  if (limit !== undefined && limit > 0 && measured.outputTokens !== undefined) {
    // Each of `n` choices may use the limit.
    attributes[ATTR.servingCompletionRatio] = measured.outputTokens / (limit * (options.choiceCount ?? 1));
  }
  set(attributes, ATTR.servingBatchSize, result.batchSize);
  set(attributes, ATTR.servingPromptLength, result.promptLength);
  if (settings.captureContent) set(attributes, ATTR.outputMessages, contentOf(result.outputMessages));
  return attributes;
}

function set(attributes: Attributes, name: string, value: string | number | undefined): void {
  if (value !== undefined && value !== null) attributes[name] = value;
}

function contentOf(content: unknown): string | undefined {
  if (content === undefined) return undefined;
  let text: string | undefined;
  try {
    text = typeof content === 'string' ? content : JSON.stringify(content);
  } catch {
    return undefined; // cyclic, or a throwing toJSON: content is an extra, the generation counts
  }
  return text !== undefined && text.length > MAX_CONTENT ? `${text.slice(0, MAX_CONTENT)}…` : text;
}
