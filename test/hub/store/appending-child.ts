/**
 * Program of the SIGKILL test: appends without end, several requests at a time, and writes the number of each one on
 * standard output once it is acknowledged. Arguments: data directory, first number, points at which to seal.
 */
import { openSqliteStore } from '../../../src/hub/store/open.ts';
import { gauge, logs, put, runEvents, spans, step, T0 } from './requests.ts';

const [dataDir = '', first = '0', sealPoints = '100'] = process.argv.slice(2);
const store = openSqliteStore({ dataDir, sealPoints: Number(sealPoints) });
let next = Number(first);

async function sender(): Promise<void> {
  for (;;) {
    const n = next++;
    await Promise.all([
      put(
        store,
        gauge(
          'm',
          Array.from({ length: 10 }, (_, s) => ({ time: T0 + n * 1000, value: n, attributes: { s } })),
        ),
      ),
      put(store, runEvents({ id: 'run' }, [step(n, n)])),
      put(
        store,
        spans([{ traceId: 'ab'.repeat(16), spanId: (n + 1).toString(16).padStart(16, '0'), start: T0 + n }]),
      ),
      put(store, logs([{ body: `event ${n}` }])),
    ]);
    process.stdout.write(`${n}\n`);
  }
}
await Promise.all(Array.from({ length: 4 }, sender));
