/** What a bounded load did, as the client saw it. */
export interface LoadResult {
  sent: number;
  completed: number;
  errors: number;
  aborted: number;
  /** Of the completed ones, as the server's `usage` says. */
  inputTokens: number;
  outputTokens: number;
}

export interface LoadOptions {
  /** Base address, e.g. http://127.0.0.1:8000/v1 */
  url: string;
  requests: number;
  concurrency: number;
  maxTokens: number;
  signal?: AbortSignal;
}

const PROMPTS = ['Call me Ishmael.', 'The whale ', 'Captain Ahab stood ', 'It was a dark and stormy '];

/** Every eighth request is given up after a few tokens, every eighth asks for a model that is not there. */
export function planOf(request: number): 'stream' | 'whole' | 'abort' | 'error' {
  if (request % 8 === 5) return 'abort';
  if (request % 8 === 7) return 'error';
  return request % 4 === 2 ? 'whole' : 'stream';
}

/** Sends `requests` requests, `concurrency` at a time. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const result: LoadResult = {
    sent: 0,
    completed: 0,
    errors: 0,
    aborted: 0,
    inputTokens: 0,
    outputTokens: 0,
  };
  let next = 0;
  const worker = async () => {
    while (next < options.requests && !options.signal?.aborted) await one(next++, options, result);
  };
  await Promise.all(Array.from({ length: options.concurrency }, worker));
  return result;
}

async function one(number: number, options: LoadOptions, result: LoadResult): Promise<void> {
  const plan = planOf(number);
  const giveUp = new AbortController();
  const signal = options.signal ? AbortSignal.any([giveUp.signal, options.signal]) : giveUp.signal;
  result.sent++;
  const response = await fetch(`${options.url}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    signal,
    body: JSON.stringify({
      model: plan === 'error' ? 'no-such-model' : 'char-lm',
      messages: [{ role: 'user', content: PROMPTS[number % PROMPTS.length] }],
      max_tokens: options.maxTokens,
      temperature: 0.7,
      ...(plan === 'whole' ? {} : { stream: true, stream_options: { include_usage: true } }),
    }),
  });
  if (!response.ok) {
    await response.arrayBuffer();
    result.errors++;
    return;
  }
  if (plan === 'whole') {
    count(((await response.json()) as { usage: Usage }).usage, result);
    return;
  }
  let deltas = 0;
  try {
    for await (const line of linesOf(response)) {
      if (!line.startsWith('data: {')) continue;
      const event = JSON.parse(line.slice('data: '.length)) as { choices: unknown[]; usage?: Usage };
      if (event.usage) count(event.usage, result);
      if (plan === 'abort' && ++deltas === 4) {
        result.aborted++;
        giveUp.abort();
        return;
      }
    }
  } catch (error) {
    if (!giveUp.signal.aborted) throw error;
  }
}

/** The lines of a streamed reply. Leaving the loop gives the rest up. */
async function* linesOf(response: Response): AsyncGenerator<string> {
  let text = '';
  for await (const piece of (response.body as ReadableStream<Uint8Array>).pipeThrough(
    new TextDecoderStream(),
  )) {
    text += piece;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    yield* lines;
  }
  if (text) yield text;
}

interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
}

function count(usage: Usage, result: LoadResult): void {
  result.completed++;
  result.inputTokens += usage.prompt_tokens;
  result.outputTokens += usage.completion_tokens;
}
