import type { GenerationOptions } from '../generation/generation.ts';
import { asArray, asNumber, asObject, asText, type JsonObject } from './json-values.ts';

/** What a request for a generation says about itself, as the recorder calls it. */
export type RequestFacts = Partial<
  Pick<
    GenerationOptions,
    | 'model'
    | 'stream'
    | 'maxTokens'
    | 'temperature'
    | 'topP'
    | 'topK'
    | 'frequencyPenalty'
    | 'presencePenalty'
    | 'seed'
    | 'stopSequences'
    | 'choiceCount'
    | 'promptLength'
  >
>;

/**
 * Reads the body of a request to `/v1/chat/completions`, `/v1/completions` or `/v1/responses` (OpenAI API
 * reference); parameters that other engines add (`top_k`) are read too. Unknown shapes leave fields undefined.
 */
export function readRequest(body: unknown): RequestFacts {
  const request = asObject(body);
  if (!request) return {};
  // Ollama keeps the parameters below `options`.
  const options = asObject(request['options']) ?? {};
  const number = (...names: string[]) => {
    for (const name of names) {
      const value = asNumber(request[name]) ?? asNumber(options[name]);
      if (value !== undefined) return value;
    }
    return undefined;
  };
  const stop = request['stop'] ?? options['stop'] ?? request['stop_sequences'];
  const facts: RequestFacts = {
    model: asText(request['model']),
    stream: typeof request['stream'] === 'boolean' ? request['stream'] : undefined,
    maxTokens: number('max_completion_tokens', 'max_output_tokens', 'max_tokens', 'num_predict', 'n_predict'),
    temperature: number('temperature'),
    topP: number('top_p'),
    topK: number('top_k'),
    frequencyPenalty: number('frequency_penalty'),
    presencePenalty: number('presence_penalty'),
    seed: number('seed'),
    choiceCount: number('n'),
    promptLength: promptLength(request),
  };
  if (typeof stop === 'string') facts.stopSequences = [stop];
  else if (Array.isArray(stop)) facts.stopSequences = stop.filter((entry) => typeof entry === 'string');
  return facts;
}

/** Prompt of a request, whatever its route calls it. */
export function promptOf(body: unknown): unknown {
  const request = asObject(body);
  return request?.['messages'] ?? request?.['input'] ?? request?.['prompt'];
}

function promptLength(request: JsonObject): number | undefined {
  const prompts = [
    request['messages'],
    request['prompt'],
    request['input'],
    request['instructions'],
    request['system'],
  ];
  if (prompts.every((prompt) => prompt === undefined)) return undefined;
  return prompts.reduce<number>((sum, prompt) => sum + textLength(prompt), 0);
}

/** Characters of a string, of a message's content, of a list of them; images and token ids count nothing. */
function textLength(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (Array.isArray(value)) return value.reduce<number>((sum, part) => sum + textLength(part), 0);
  const part = asObject(value);
  if (!part) return 0;
  return (
    textLength(part['content']) +
    (asText(part['text'])?.length ?? 0) +
    asArray(part['parts']).reduce<number>((sum, inner) => sum + textLength(inner), 0)
  );
}
