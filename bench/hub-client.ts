/* oxlint-disable unicorn/require-post-message-target-origin -- threads, not windows */
import { Agent, request } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';

/** Load client of the hub's benchmark, in a thread of its own: posts bodies over a few kept-alive connections. */
const { port, connections } = workerData as { port: number; connections: number };
const agent = new Agent({ keepAlive: true, maxSockets: connections });

function post(body: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const req = request(
      {
        agent,
        host: '127.0.0.1',
        port,
        method: 'POST',
        path: '/v1/metrics',
        headers: { 'content-type': 'application/x-protobuf', 'content-length': body.length },
      },
      (res) => {
        res.resume();
        res.once('end', () =>
          res.statusCode === 200 ? resolve() : reject(new Error(`the hub answered ${res.statusCode}`)),
        );
      },
    );
    req.once('error', reject);
    req.end(body);
  });
}

parentPort!.on('message', (bodies: Uint8Array[]) => {
  let next = 0;
  const sender = async (): Promise<void> => {
    while (next < bodies.length) await post(bodies[next++]!);
  };
  const began = performance.now();
  void Promise.all(Array.from({ length: connections }, sender)).then(
    () => parentPort!.postMessage({ ms: performance.now() - began }),
    (error: unknown) => parentPort!.postMessage({ error: String(error) }),
  );
});
