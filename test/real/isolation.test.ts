/** The isolation table in its short form: the real Collector with the shipped configuration beside sick destinations. */
import { describe, expect, it } from 'vitest';
import { realCollector } from './isolation/find-collector.ts';
import { runSeries } from './isolation/series.ts';
import { SHORT } from './isolation/scenarios.ts';

const found = await realCollector();
if ('missing' in found) process.stderr.write(`skipped: isolation: ${found.missing}\n`);

describe.skipIf('missing' in found)('a sick destination', () => {
  it('hurts no other, and no kill of the Collector loses what was acknowledged', {
    timeout: 300_000,
  }, async () => {
    const { binary } = found as { binary: string };
    const rows = await runSeries({ binary, short: true });
    const notRun = rows.filter(({ not_run: reason }) => reason !== undefined);
    for (const { name, not_run: reason } of notRun) process.stderr.write(`not run: ${name}: ${reason}\n`);
    expect(rows.filter((row) => !row.holds && !notRun.includes(row))).toEqual([]);
    expect(rows.map(({ name }) => name).toSorted()).toEqual([...SHORT, 'kill.sigkill_under_load'].toSorted());
  });
});
