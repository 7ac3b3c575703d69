import { describe, expect, it } from 'vitest';
import { readReply, type ReplyFacts } from '../../../src/serving/openai/reply-facts.ts';

const delta = (value: object) => ({ choices: [{ index: 0, delta: value }] });
const content = (value: unknown) => readReply(value, { finishReasons: [] });
function facts(...values: unknown[]): ReplyFacts {
  const found: ReplyFacts = { finishReasons: [] };
  for (const value of values) readReply(value, found);
  return found;
}

describe('content', () => {
  it.each([
    ['text', delta({ content: 'a' })],
    ['a space', delta({ content: ' ' })],
    ['text with its role', delta({ role: 'assistant', content: 'a' })],
    ['parts of text', delta({ content: [{ type: 'text', text: 'a' }] })],
    ['reasoning of DeepSeek', delta({ reasoning_content: 'a' })],
    ['reasoning of vLLM', delta({ content: '', reasoning: 'a' })],
    ['a refusal', delta({ refusal: 'no' })],
    ['a tool call', delta({ tool_calls: [{ index: 0, function: { name: 'f', arguments: '' } }] })],
    ['text of a completion', { choices: [{ text: 'a', index: 0 }] }],
    ['a second choice', { choices: [{ index: 1, delta: { content: 'b' } }] }],
    ['text of a response', { type: 'response.output_text.delta', delta: 'a' }],
    ['reasoning of a response', { type: 'response.reasoning_summary_text.delta', delta: 'a' }],
    ['arguments of a call', { type: 'response.function_call_arguments.delta', delta: '{' }],
    ['a line of Ollama', { message: { role: 'assistant', content: 'a' }, done: false }],
    ['a line of Ollama generate', { response: 'a', done: false }],
  ])('is %s', (_name, value) => {
    expect(content(value)).toBe(true);
  });
  it.each([
    ['a role', delta({ role: 'assistant' })],
    ['a role with empty text', delta({ role: 'assistant', content: '', refusal: null })],
    ['an empty delta', delta({})],
    ['an empty list of tool calls', delta({ tool_calls: [] })],
    ['a finish reason', { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }],
    ['usage', { choices: [], usage: { completion_tokens: 3 } }],
    ['a response that begins', { type: 'response.created', response: { id: 'r' } }],
    ['an empty delta of a response', { type: 'response.output_text.delta', delta: '' }],
    ['the end of Ollama', { message: { role: 'assistant', content: '' }, done: true }],
    ['an error', { error: { message: 'no' } }],
    ['nothing', null],
    ['a list', [1]],
    ['choices that are none', { choices: [null, 3, { delta: 'x' }] }],
  ])('is not %s', (_name, value) => {
    expect(content(value)).toBe(false);
  });
});

describe('a reply', () => {
  it('of Chat Completions gives id, model, usage and the finish reason of each choice', () => {
    expect(
      facts(
        { id: 'c1', model: 'm', ...delta({ content: 'a' }) },
        { choices: [{ index: 1, delta: {}, finish_reason: 'length' }] },
        { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
        {
          choices: [],
          usage: {
            prompt_tokens: 5,
            completion_tokens: 4,
            prompt_tokens_details: { cached_tokens: 2 },
            completion_tokens_details: { reasoning_tokens: 1 },
          },
        },
      ),
    ).toMatchObject({
      id: 'c1',
      model: 'm',
      inputTokens: 5,
      outputTokens: 4,
      cachedTokens: 2,
      reasoningTokens: 1,
      finishReasons: ['stop', 'length'],
    });
  });
  it('of Responses gives them in its last event', () => {
    const response = {
      id: 'r1',
      model: 'm',
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      usage: { input_tokens: 5, output_tokens: 4, output_tokens_details: { reasoning_tokens: 3 } },
    };
    expect(facts({ type: 'response.incomplete', response })).toMatchObject({
      id: 'r1',
      inputTokens: 5,
      outputTokens: 4,
      reasoningTokens: 3,
      finishReasons: ['length'],
      done: true,
    });
  });
  it('of Responses that calls a tool ends for tool calls', () => {
    const body = { object: 'response', status: 'completed', output: [{ type: 'function_call' }] };
    expect(facts(body).finishReasons).toEqual(['tool_calls']);
  });
  it.each([
    [{ error: { type: 'overloaded', message: 'busy' } }, { type: 'overloaded', message: 'busy' }],
    [
      { error: { type: 'x', code: 'context_length_exceeded' } },
      { type: 'context_length_exceeded', message: '' },
    ],
    [{ error: { code: 400, message: 'no' } }, { type: '400', message: 'no' }],
    [{ error: 'plain' }, { type: 'error', message: 'plain' }],
    [
      { type: 'error', code: 'server_error', message: 'm' },
      { type: 'server_error', message: 'm' },
    ],
    [
      {
        type: 'response.failed',
        response: { status: 'failed', error: { code: 'rate_limit_exceeded', message: 'm' } },
      },
      { type: 'rate_limit_exceeded', message: 'm' },
    ],
  ])('tells its error: %o', (value, error) => {
    expect(facts(value).error).toEqual(error);
  });
  it('is not made large by an index from outside', () => {
    expect(facts({ choices: [{ index: 1e9, delta: {}, finish_reason: 'stop' }] }).finishReasons).toHaveLength(
      0,
    );
  });
});
