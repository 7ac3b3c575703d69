import type { GenerationResult } from './generation.ts';

const COUNTS = [
  'outputTokens',
  'inputTokens',
  'cachedTokens',
  'reasoningTokens',
  'batchSize',
  'promptLength',
] as const;
const TEXTS = ['responseModel', 'responseId'] as const;

/**
 * `before` with what `partial` knows written over it. Replies come from other programs: what is no count, no text or
 * no list of texts (`null` in a usage, say) counts as not told, so that it can neither break the end of a generation nor
 * reach a counter.
 */
export function mergeResult(before: GenerationResult, partial: GenerationResult): GenerationResult {
  const merged = { ...before };
  for (const name of COUNTS) {
    const value: unknown = partial[name];
    if (typeof value === 'number' && value >= 0 && value < Infinity) merged[name] = value;
  }
  for (const name of TEXTS) {
    const value: unknown = partial[name];
    if (typeof value === 'string' && value !== '') merged[name] = value;
  }
  if (Number.isFinite(partial.endTime)) merged.endTime = partial.endTime as number;
  const reasons: unknown = partial.finishReasons;
  if (Array.isArray(reasons)) {
    merged.finishReasons = reasons.filter((reason): reason is string => typeof reason === 'string');
  }
  if (partial.outputMessages !== undefined) merged.outputMessages = partial.outputMessages;
  return merged;
}
