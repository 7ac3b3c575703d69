// A program that knows nothing of telemetry: a server of ES modules that a client in the same process asks.
import { createServer, request } from 'node:http';

const chunk = (delta) => `data: ${JSON.stringify({ model: 'm-1', choices: [{ index: 0, delta }] })}\n\n`;
const server = createServer((message, response) => {
  message.resume().on('end', () => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(chunk({ role: 'assistant' }));
    response.write(chunk({ content: 'Hi' }));
    response.end('data: [DONE]\n\n');
  });
});
server.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'hello' }] });
  const reply = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body });
  process.stdout.write(await reply.text());
  request(`${url}/plain`, (response) => {
    response.resume().on('end', () => {
      process.stdout.write(`status ${response.statusCode}\n`);
      server.close();
      process.exitCode = 5;
    });
  }).end();
});
