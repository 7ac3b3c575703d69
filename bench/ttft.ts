import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ATTR } from '../src/conventions/index.ts';
import { decodeRequest } from '../src/otlp/index.ts';
import { startProgram } from './http/processes.ts';
import { registerUrl } from './http/register-url.ts';
import { type BenchRow, benchRow, median } from './row.ts';

/** What the server can do before its first token, and in which encoding. */
const KINDS = [
  'plain',
  'role',
  'comments',
  'bytes',
  'tool',
  'plain-gzip',
  'role-gzip',
  'bytes-gzip',
] as const;
const ROUNDS = 5;
const BODY = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'hello' }] });

/**
 * The error of the time to first token that `register` records from outside, against the time that the server itself
 * noted when it wrote the first real delta: also behind a role, comments, compression, and a byte a chunk.
 */
export async function benchTtft(): Promise<BenchRow[]> {
  // One request after the other: their generations arrive in the same order.
  const recorded: number[] = [];
  const sink = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      if (request.url === '/v1/traces') recorded.push(...timesIn(Buffer.concat(parts)));
      response.end();
    });
  });
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`;
  const server = await startProgram('../ttft/server.mjs', {
    node: ['--import', registerUrl()],
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      LLM_OTEL_OBSERVERS: 'none',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    },
  });
  try {
    const url = `http://127.0.0.1:${server.ready.port}`;
    // One round more: the first compiles.
    for (let round = 0; round <= ROUNDS; round++)
      for (const kind of KINDS)
        await (await fetch(`${url}/${kind}/v1/chat/completions`, { method: 'POST', body: BODY })).text();
    const truth = (await (await fetch(`${url}/truth`)).json()) as Record<string, number[]>;
    const total = KINDS.length * (ROUNDS + 1);
    while (recorded.length < total) await new Promise((resolve) => setTimeout(resolve, 50));
    return KINDS.map((kind, place) => {
      const times = (truth[kind] ?? []).slice(1);
      const errors = times.map((time, round) =>
        Math.abs((recorded[(round + 1) * KINDS.length + place] ?? 0) - time),
      );
      return benchRow({
        name: `ttft.error_${kind.replace('-', '_')}_ms`,
        value: Math.max(...errors),
        unit: 'ms',
        goal: 2,
        better: 'lower',
        against: { name: 'true time, ms', value: median(times) },
      });
    });
  } finally {
    await server.stop();
    sink.closeAllConnections();
    sink.close();
  }
}

/** The times to first token in an export, in milliseconds. */
function timesIn(body: Buffer): number[] {
  const { resourceSpans } = decodeRequest('traces', 'application/x-protobuf', body);
  return resourceSpans
    .flatMap((resource) => resource.scopeSpans.flatMap((scope) => scope.spans))
    .map((span) => span.attributes[ATTR.servingTimeToFirstToken])
    .filter((time) => typeof time === 'number')
    .map((time) => time * 1000);
}
