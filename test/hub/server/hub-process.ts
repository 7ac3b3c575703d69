/** A hub as a process of its own, for tests that kill it: `node hub-process.ts DATA_DIR`; prints its address. */
import { startHub } from '../../../src/hub/index.ts';

const hub = await startHub({ port: 0, otlpPort: false, dataDir: process.argv[2] as string });
process.stdout.write(`${hub.url}\n`);
process.once('SIGTERM', () => void hub.stop());
