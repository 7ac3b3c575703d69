/**
 * Sends a bounded load to an OpenAI-style server, some requests given up half-way, some wrong, and says what became of
 * it.
 *
 *   node examples/load/main.ts [--url http://127.0.0.1:8000/v1] [--requests 48] [--concurrency 4] [--max-tokens 40]
 */
import { COUNT, readFlags } from '../flags.ts';
import { runLoad } from './load.ts';

const flags = readFlags(
  { url: 'http://127.0.0.1:8000/v1', requests: 48, concurrency: 4, 'max-tokens': 40 },
  { requests: COUNT, concurrency: COUNT, 'max-tokens': COUNT },
);
console.table(
  await runLoad({
    url: flags.url,
    requests: flags.requests,
    concurrency: flags.concurrency,
    maxTokens: flags['max-tokens'],
  }),
);
