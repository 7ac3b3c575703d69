import { asArray, asNumber, asObject, asText, type JsonObject } from './json-values.ts';

/** What a reply has said until now: collected from the events of a stream, or from one JSON body. */
export interface ReplyFacts {
  id?: string;
  model?: string;
  inputTokens?: number;
  outputTokens?: number;
  cachedTokens?: number;
  reasoningTokens?: number;
  /** One for each choice, by its index. */
  finishReasons: string[];
  /** The reply says that it failed, whatever its status. */
  error?: { type: string; message: string };
  /** The reply says that it is complete: a client that leaves now has all of it. */
  done?: boolean;
  /** Text of the reply, by choice; only collected when asked for. */
  text?: string[];
}

/**
 * Takes what one JSON value of a reply says into `facts`: a chunk or a whole reply of `/v1/chat/completions` and
 * `/v1/completions`, an event or a whole reply of `/v1/responses` (OpenAI API reference), a line of Ollama's
 * `/api/chat` and `/api/generate`. Returns whether it holds content: text, reasoning, a tool call or a refusal that
 * is not empty. A role alone, usage alone or an empty delta is none.
 */
export function readReply(value: unknown, facts: ReplyFacts): boolean {
  const reply = asObject(value);
  if (!reply) return false;
  const type = asText(reply['type']);
  if (type?.startsWith('response.')) return readResponsesEvent(type, reply, facts);
  if (reply['error'] != null || type === 'error') {
    facts.error = errorOf(reply);
    return false;
  }
  if (reply['object'] === 'response') {
    readResponse(reply, facts);
    return asArray(reply['output']).length > 0;
  }
  facts.id ??= asText(reply['id']);
  facts.model = asText(reply['model']) ?? facts.model;
  readUsage(asObject(reply['usage']), facts);
  if (Array.isArray(reply['choices'])) {
    let content = false;
    for (const choice of reply['choices'] as unknown[]) {
      const entry = asObject(choice);
      if (entry && readChoice(entry, facts)) content = true;
    }
    return content;
  }
  return readOllama(reply, facts);
}

function readChoice(choice: JsonObject, facts: ReplyFacts): boolean {
  const index = asNumber(choice['index']) ?? 0;
  const reason = asText(choice['finish_reason']);
  // An index comes from outside: a huge one would make a huge array.
  if (reason !== undefined && index >= 0 && index < 1000) facts.finishReasons[Math.floor(index)] = reason;
  const delta = asObject(choice['delta']) ?? asObject(choice['message']);
  const text = asText(choice['text']) ?? (delta && contentText(delta));
  if (text !== undefined && facts.text) facts.text[index] = (facts.text[index] ?? '') + text;
  return text !== undefined || (delta !== undefined && hasOtherContent(delta));
}

function contentText(delta: JsonObject): string | undefined {
  const { content } = delta;
  if (typeof content === 'string') return asText(content);
  const parts = asArray(content).map((part) => asText(asObject(part)?.['text']) ?? '');
  return asText(parts.join(''));
}

/** Deltas that are content without being text of the answer. `reasoning_content`: DeepSeek, vLLM, SGLang; `reasoning`: vLLM, OpenRouter. */
function hasOtherContent(delta: JsonObject): boolean {
  return (
    asText(delta['reasoning_content']) !== undefined ||
    asText(delta['reasoning']) !== undefined ||
    asText(delta['thinking']) !== undefined ||
    asText(delta['refusal']) !== undefined ||
    asArray(delta['tool_calls']).length > 0 ||
    asObject(delta['function_call']) !== undefined ||
    asText(asObject(delta['audio'])?.['data']) !== undefined ||
    asText(asObject(delta['audio'])?.['transcript']) !== undefined
  );
}

/** Names of the counts differ between Chat Completions (`prompt_tokens`) and Responses (`input_tokens`). */
function readUsage(usage: JsonObject | undefined, facts: ReplyFacts): void {
  if (!usage) return;
  const input = asObject(usage['prompt_tokens_details']) ?? asObject(usage['input_tokens_details']);
  const output = asObject(usage['completion_tokens_details']) ?? asObject(usage['output_tokens_details']);
  facts.inputTokens =
    asNumber(usage['prompt_tokens']) ?? asNumber(usage['input_tokens']) ?? facts.inputTokens;
  facts.outputTokens =
    asNumber(usage['completion_tokens']) ?? asNumber(usage['output_tokens']) ?? facts.outputTokens;
  facts.cachedTokens = asNumber(input?.['cached_tokens']) ?? facts.cachedTokens;
  facts.reasoningTokens = asNumber(output?.['reasoning_tokens']) ?? facts.reasoningTokens;
}

function readResponsesEvent(type: string, event: JsonObject, facts: ReplyFacts): boolean {
  const response = asObject(event['response']);
  if (response) readResponse(response, facts);
  if (type === 'response.failed' && !facts.error) facts.error = { type: 'response_failed', message: '' };
  if (!type.endsWith('.delta')) return false;
  const delta = asText(event['delta']);
  if (delta !== undefined && type === 'response.output_text.delta' && facts.text)
    facts.text[0] = (facts.text[0] ?? '') + delta;
  return delta !== undefined;
}

function readResponse(response: JsonObject, facts: ReplyFacts): void {
  facts.id ??= asText(response['id']);
  facts.model = asText(response['model']) ?? facts.model;
  readUsage(asObject(response['usage']), facts);
  if (response['error'] != null) facts.error = errorOf(response);
  const status = asText(response['status']);
  if (status === 'completed' || status === 'incomplete') facts.done = true;
  if (status === 'completed') {
    const calls = asArray(response['output']).some((item) =>
      asText(asObject(item)?.['type'])?.endsWith('_call'),
    );
    facts.finishReasons = [calls ? 'tool_calls' : 'stop'];
  } else if (status === 'incomplete') {
    const reason = asText(asObject(response['incomplete_details'])?.['reason']);
    facts.finishReasons = [reason === undefined || reason === 'max_output_tokens' ? 'length' : reason];
  }
}

function readOllama(reply: JsonObject, facts: ReplyFacts): boolean {
  const message = asObject(reply['message']);
  facts.inputTokens = asNumber(reply['prompt_eval_count']) ?? facts.inputTokens;
  facts.outputTokens = asNumber(reply['eval_count']) ?? facts.outputTokens;
  if (reply['done'] === true) facts.done = true;
  const reason = asText(reply['done_reason']);
  if (reason !== undefined) facts.finishReasons = [reason];
  const text = (message && contentText(message)) ?? asText(reply['response']) ?? asText(reply['content']);
  if (text !== undefined && facts.text) facts.text[0] = (facts.text[0] ?? '') + text;
  return text !== undefined || (message !== undefined && hasOtherContent(message));
}

/** `{error: {type, code, message}}`, `{error: "text"}`, or an `error` event of the Responses API. */
function errorOf(reply: JsonObject): { type: string; message: string } {
  const error = asObject(reply['error']) ?? (reply['type'] === 'error' ? reply : {});
  const code = error['code'];
  const type =
    asText(code) ?? asText(error['type']) ?? (typeof code === 'number' ? String(code) : undefined) ?? 'error';
  return { type, message: asText(error['message']) ?? asText(reply['error']) ?? '' };
}
