import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { choosePort } from '../../examples/start/ports.ts';

let server: Server;
let taken: number;
let said: string[];
const choose = (given: number | undefined, usual: number) =>
  choosePort({ what: 'the page', given, usual }, (text) => said.push(text));

beforeEach(async () => {
  said = [];
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  taken = (server.address() as { port: number }).port;
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

it('takes another port than a usual one that is in use, and says so', async () => {
  const port = await choose(undefined, taken);
  expect(port).not.toBe(taken);
  expect(port).toBeGreaterThan(0);
  expect(said).toEqual([`port ${taken} (the page) is in use by another program; ${port} is taken instead`]);
});

it('refuses a given port that is in use', async () => {
  await expect(choose(taken, 1)).rejects.toThrow(`port ${taken} (the page) is in use by another program`);
});

it('takes a port that is free as it is', async () => {
  await new Promise((resolve) => server.close(resolve));
  await expect(choose(taken, 1)).resolves.toBe(taken);
  await expect(choose(undefined, taken)).resolves.toBe(taken);
  expect(said).toEqual([]);
});

it('takes any free port for 0', async () => {
  expect(await choose(0, taken)).toBeGreaterThan(0);
});
