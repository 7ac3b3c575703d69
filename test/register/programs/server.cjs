// The same in CommonJS, with the server in a worker thread when asked.
const { createServer, get } = require('http');
const { isMainThread, Worker } = require('worker_threads');

if (isMainThread && process.argv[2] === 'worker') {
  new Worker(__filename).on('exit', () => process.stdout.write('worker done\n'));
} else {
  const server = createServer((_request, response) => response.end('ok'));
  server.listen(0, '127.0.0.1', () => {
    get(`http://127.0.0.1:${server.address().port}/cjs`, (response) => {
      response.resume().on('end', () => server.close());
    });
  });
}
