/**
 * Program of the full-disk test, run under a limit on the size of a file: appends a number of requests, then writes how
 * many were acknowledged, and what the others met. Arguments: data directory, requests.
 */
import { openSqliteStore } from '../../../src/hub/store/open.ts';
import { gauge, put, T0 } from './requests.ts';

// The system sends it beside the error of the write; without a listener it would end the process.
process.on('SIGXFSZ', () => undefined);

const [dataDir = '', requests = '0'] = process.argv.slice(2);
const store = openSqliteStore({ dataDir });
const acknowledged: number[] = [];
const retryable: unknown[] = [];
let random = 1;
for (let n = 0; n < Number(requests); n++) {
  const points = Array.from({ length: 500 }, (_, s) => {
    random = (random * 48_271) % 2_147_483_647;
    return { time: T0 + n, value: s === 0 ? n : random / 7, attributes: { s } };
  });
  try {
    await put(store, gauge('m', points));
    acknowledged.push(n);
  } catch (error) {
    retryable.push((error as { retryable?: boolean }).retryable);
  }
}
process.stdout.write(JSON.stringify({ acknowledged, retryable }), () => process.kill(process.pid, 'SIGKILL'));
