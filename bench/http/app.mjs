/**
 * The server under load: an empty handler, and one that streams ten pieces (`/count`: requests until now).
 * Prints its port and what it took to start.
 */
import { createServer } from 'node:http';

const PIECES = 10;
let answered = 0;
const server = createServer((request, response) => {
  if (request.url === '/count') {
    response.end(String(answered));
    return;
  }
  answered++;
  if (request.url !== '/stream') {
    response.end('ok');
    return;
  }
  let left = PIECES;
  const next = () => {
    if (left-- === 0) {
      response.end();
      return;
    }
    response.write('data: {"choices":[{"delta":{"content":"token"}}]}\n\n');
    setImmediate(next);
  };
  response.setHeader('content-type', 'text/event-stream');
  next();
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  console.log(
    JSON.stringify({ port, startMs: performance.now(), rssMb: process.memoryUsage.rss() / 2 ** 20 }),
  );
});
