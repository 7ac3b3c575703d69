/**
 * Serves the model of examples/train-char-lm as an OpenAI-style API: streaming, a queue of one generation at a time,
 * usage. It knows nothing of llm-otel: start it with `node --import llm-otel/register examples/serve-char-lm/server.ts`.
 *
 *   [--model ./.llm-otel/model.json] [--port 8000]
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PORT, readFlags } from '../flags.ts';
import { Sampler } from './sampler.ts';

const flags = readFlags({ model: './.llm-otel/model.json', port: 8000 }, { port: PORT });
const MODEL = 'char-lm';
const MAX_BODY = 1 << 20;
const MAX_QUEUE = 64;

interface ChatRequest {
  model?: string;
  messages?: { role: string; content: string }[];
  max_tokens?: number;
  max_completion_tokens?: number;
  temperature?: number;
  seed?: number;
  stream?: boolean;
  stream_options?: { include_usage?: boolean };
}

/** A refusal in OpenAI's shape. */
class Refusal extends Error {
  readonly status: number;
  readonly type: string;
  constructor(status: number, type: string, message: string) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

const sampler = await Sampler.load(flags.model).catch((error: Error): never => {
  console.error(`${error.message}\nThere is no model yet? node examples/train-char-lm/train.ts trains one.`);
  process.exit(1);
});
let waiting = 0;
let turn: Promise<unknown> = Promise.resolve();
let served = 0;

/** One generation at a time; the others wait in order. */
async function inTurn(work: () => Promise<void>): Promise<void> {
  if (waiting >= MAX_QUEUE) throw new Refusal(503, 'overloaded', `the queue is full (${MAX_QUEUE} requests)`);
  waiting++;
  const mine = turn.then(work).finally(() => waiting--);
  turn = mine.catch(() => {});
  await mine;
}

async function readBody(request: IncomingMessage): Promise<ChatRequest> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY)
      throw new Refusal(413, 'invalid_request_error', `the body is larger than ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as ChatRequest;
  } catch {
    throw new Refusal(400, 'invalid_request_error', 'the body is no JSON');
  }
}

async function chat(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request);
  if (body.model !== MODEL)
    throw new Refusal(
      404,
      'model_not_found',
      `the model ${JSON.stringify(body.model)} does not exist; there is ${MODEL}`,
    );
  if (!Array.isArray(body.messages) || body.messages.length === 0)
    throw new Refusal(400, 'invalid_request_error', 'messages must not be empty');
  const maxTokens = Math.min(body.max_completion_tokens ?? body.max_tokens ?? 64, 512);
  const prompt = body.messages.map((message) => message.content).join('\n');
  const inputTokens = sampler.count(prompt);
  const number = ++served;
  const seed = body.seed ?? number;
  // Numbered instead of random or dated, so that the same requests in the same order get the same bytes.
  const id = `chatcmpl-${number}`;
  const created = 1_700_000_000;

  await inTurn(async () => {
    if (response.destroyed) return;
    const tokens = sampler.sample(prompt, {
      maxTokens,
      temperature: body.temperature ?? 0.8,
      seed,
      stopped: () => response.destroyed,
    });
    if (body.stream) await streamReply(response, body, tokens, { id, created, inputTokens });
    else await wholeReply(response, tokens, { id, created, inputTokens });
  });
}

interface Reply {
  id: string;
  created: number;
  inputTokens: number;
}

const usage = (inputTokens: number, outputTokens: number) => ({
  prompt_tokens: inputTokens,
  completion_tokens: outputTokens,
  total_tokens: inputTokens + outputTokens,
});

async function wholeReply(
  response: ServerResponse,
  tokens: AsyncIterable<string>,
  reply: Reply,
): Promise<void> {
  let content = '';
  let count = 0;
  for await (const token of tokens) {
    content += token;
    count++;
  }
  const choices = [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'length' }];
  const body = {
    id: reply.id,
    object: 'chat.completion',
    created: reply.created,
    model: MODEL,
    choices,
    usage: usage(reply.inputTokens, count),
  };
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function streamReply(
  response: ServerResponse,
  body: ChatRequest,
  tokens: AsyncIterable<string>,
  reply: Reply,
): Promise<void> {
  const send = (choices: unknown[], more: object = {}) =>
    response.write(
      `data: ${JSON.stringify({ id: reply.id, object: 'chat.completion.chunk', created: reply.created, model: MODEL, choices, ...more })}\n\n`,
    );
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  send([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]);
  let count = 0;
  for await (const token of tokens) {
    count++;
    if (!send([{ index: 0, delta: { content: token }, finish_reason: null }])) await drained(response);
  }
  send([{ index: 0, delta: {}, finish_reason: 'length' }]);
  if (body.stream_options?.include_usage) send([], { usage: usage(reply.inputTokens, count) });
  response.end('data: [DONE]\n\n');
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once('drain', resolve);
    response.once('close', resolve);
  });
}

const server = createServer(async (request, response) => {
  try {
    if (request.method === 'POST' && request.url === '/v1/chat/completions') await chat(request, response);
    else if (request.method === 'GET' && request.url === '/v1/models') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(
        JSON.stringify({
          object: 'list',
          data: [{ id: MODEL, object: 'model', created: 1_700_000_000, owned_by: 'llm-otel' }],
        }),
      );
    } else throw new Refusal(404, 'not_found', `no such route: ${request.method} ${request.url}`);
  } catch (error) {
    const refusal = error instanceof Refusal ? error : new Refusal(500, 'server_error', 'the model failed');
    if (!(error instanceof Refusal)) console.error(error);
    if (response.headersSent || response.destroyed) response.destroy();
    else
      response.writeHead(refusal.status, { 'content-type': 'application/json' }).end(
        JSON.stringify({
          error: { message: refusal.message, type: refusal.type, code: null, param: null },
        }),
      );
  }
});

server.once('error', (error: NodeJS.ErrnoException) => {
  console.error(
    error.code === 'EADDRINUSE'
      ? `port ${flags.port} is in use by another program; choose another with --port (0: any free one)`
      : error.message,
  );
  process.exitCode = 1;
});
server.listen(flags.port, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  console.log(`serving ${MODEL} of run ${sampler.runId} at http://127.0.0.1:${port}/v1`);
});
process.once('SIGTERM', () => {
  server.close();
  server.closeIdleConnections();
});
