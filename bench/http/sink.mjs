/**
 * A live OTLP receiver for the benchmark: takes everything, counts spans without decoding them, answers at once.
 * Prints its port; `GET /` gives the counts.
 */
import { createServer } from 'node:http';

let spans = 0;
let metricPosts = 0;

/** Calls `found` with the range of every field `number` of length-delimited kind in `bytes[from, to)`. */
function eachField(bytes, from, to, number, found) {
  let at = from;
  const varint = () => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  };
  while (at < to) {
    const tag = varint();
    const kind = tag % 8;
    if (kind === 0) varint();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else {
      const length = varint();
      if (Math.floor(tag / 8) === number) found(at, at + length);
      at += length;
    }
  }
}

function countSpans(body) {
  let count = 0;
  eachField(body, 0, body.length, 1, (a, b) =>
    eachField(body, a, b, 2, (c, d) =>
      eachField(body, c, d, 2, () => {
        count++;
      }),
    ),
  );
  return count;
}

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.end(JSON.stringify({ spans, metricPosts }));
    return;
  }
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    if (request.url === '/v1/traces') spans += countSpans(Buffer.concat(parts));
    else if (request.url === '/v1/metrics') metricPosts++;
    response.writeHead(200, { 'content-type': 'application/x-protobuf' });
    response.end();
  });
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
