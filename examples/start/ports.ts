import { createServer } from 'node:net';

/**
 * The port for a part of the demonstration: the given one, which must be free; else the usual one, or any free one when
 * that is taken. Asked before anything starts, so that nothing is found out only after the training.
 *
 * @param given 0 is any free one
 * @throws Error when a given port is taken
 */
export async function choosePort(
  { what, given, usual }: { what: string; given?: number | undefined; usual: number },
  say: (text: string) => void,
): Promise<number> {
  if (given === 0) return freePort();
  const port = given ?? usual;
  if (await isFree(port)) return port;
  if (given !== undefined) throw new Error(`port ${given} (${what}) is in use by another program`);
  const other = await freePort();
  say(`port ${usual} (${what}) is in use by another program; ${other} is taken instead`);
  return other;
}

const isFree = (port: number): Promise<boolean> =>
  listenOnce(port).then(
    () => true,
    () => false,
  );

const freePort = (): Promise<number> => listenOnce(0);

/** @returns the port that was free just now */
function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port));
    });
  });
}
