/**
 * A server with known delays: it notes by its own clock when a request came and when it wrote the first real delta,
 * and gives the true times under `/truth`. Prints its port.
 */
import { createServer } from 'node:http';
import { createGzip } from 'node:zlib';

const delta = (value) => `data: ${JSON.stringify({ model: 'm', choices: [{ index: 0, delta: value }] })}\n\n`;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const truth = {};

/** Each writes its prelude, waits, and writes the first token; `mark` is called when that has been handed on. */
const KINDS = {
  plain: async (write) => write(delta({ content: 'a' })),
  role: async (write, pause) => {
    write(delta({ role: 'assistant', content: '' }));
    await pause();
    write(delta({ content: 'a' }));
  },
  comments: async (write, pause) => {
    write(': keep-alive\n\n: keep-alive\n\n');
    await pause();
    write(delta({ content: 'a' }));
  },
  bytes: async (write, pause) => {
    write(delta({ role: 'assistant' }));
    await pause();
    for (const byte of Buffer.from(delta({ content: 'é' }))) write(Buffer.of(byte));
  },
  tool: async (write, pause) => {
    write(delta({ role: 'assistant' }));
    await pause();
    write(delta({ tool_calls: [{ index: 0, id: 'c', function: { name: 'f', arguments: '' } }] }));
  },
};

async function serve(name, request, response, started) {
  const [kind, encoding] = name.split('-');
  for await (const part of request) void part;
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    ...(encoding === 'gzip' && { 'content-encoding': 'gzip' }),
  });
  let out = response;
  if (encoding === 'gzip') {
    out = createGzip();
    out.pipe(response);
  }
  const flushed = () => (out === response ? undefined : new Promise((resolve) => out.flush(resolve)));
  await wait(20);
  await KINDS[kind](
    (chunk) => out.write(chunk),
    async () => {
      await flushed();
      await wait(80);
    },
  );
  await flushed();
  truth[name] ??= [];
  truth[name].push(performance.now() - started);
  await wait(20);
  out.end('data: [DONE]\n\n');
}

const server = createServer((request, response) => {
  const started = performance.now();
  if (request.url === '/truth') response.end(JSON.stringify(truth));
  else void serve(request.url.split('/')[1], request, response, started);
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
