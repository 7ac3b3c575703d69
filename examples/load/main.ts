/**
 * Sends a bounded load to an OpenAI-style server, some requests given up half-way, some wrong, and says what became of
 * it.
 *
 *   node examples/load/main.ts [--url http://127.0.0.1:8000/v1] [--requests 48] [--concurrency 4] [--max-tokens 40]
 */
import { parseArgs } from 'node:util';
import { runLoad } from './load.ts';

const { values: flags } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:8000/v1' },
    requests: { type: 'string', default: '48' },
    concurrency: { type: 'string', default: '4' },
    'max-tokens': { type: 'string', default: '40' },
  },
});
console.table(
  await runLoad({
    url: flags.url,
    requests: Number(flags.requests),
    concurrency: Number(flags.concurrency),
    maxTokens: Number(flags['max-tokens']),
  }),
);
