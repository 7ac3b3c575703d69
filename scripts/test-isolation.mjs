/**
 * The isolation table: the real Collector with the shipped configuration, healthy destinations beside sick ones, kill -9
 * under load, sizes of queues, throughput.
 *
 *   npm run test:isolation [-- --json FILE] [-- --short] [-- --only PREFIX]
 *
 * Exit code 1 when a row does not hold; one that cannot be run here says why, and is no failure.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { realCollector } from '../test/real/isolation/find-collector.ts';
import { runSeries } from '../test/real/isolation/series.ts';
import { tableOf } from '../test/real/isolation/table.ts';

const { values } = parseArgs({
  options: { json: { type: 'string' }, short: { type: 'boolean', default: false }, only: { type: 'string' } },
});
// An ending by a signal must end the Collectors and the mounts too: they go at exit.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
const found = await realCollector();
if ('missing' in found) {
  process.stderr.write(`not run: ${found.missing}\n`);
  process.exit(1);
}
process.stderr.write(`Collector: ${found.binary}\n`);
const rows = await runSeries({
  binary: found.binary,
  short: values.short,
  only: values.only,
  onRow: ({ name, holds }) => process.stderr.write(`${holds ? 'holds' : 'FAILS'}  ${name}\n`),
});
process.stdout.write(`${tableOf(rows)}\n`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
if (rows.length === 0 || rows.some(({ holds, not_run: notRun }) => !holds && notRun === undefined))
  process.exitCode = 1;
