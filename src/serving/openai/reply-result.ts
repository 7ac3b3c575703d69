import type { GenerationResult } from '../generation/generation.ts';
import type { ReplyFacts } from './reply-facts.ts';

/** What a reply has said, as the recorder takes it; its text only when content is captured. */
export function replyResult(facts: ReplyFacts, capture: boolean): GenerationResult {
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
