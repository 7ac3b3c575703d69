/** The isolation table in its short form: the real Collector with the shipped configuration beside sick destinations. */
import { describe, expect, it } from 'vitest';
import { decodeRequest } from '../../src/otlp/index.ts';
import { realCollector } from './isolation/find-collector.ts';
import { bodyOf, Ledger, Receipts, SIGNALS } from './isolation/ledger.ts';
import { REAL_HUB } from './isolation/real-hub.ts';
import { runSeries } from './isolation/series.ts';
import { SHORT } from './isolation/scenarios.ts';

const found = await realCollector();
if ('missing' in found) process.stderr.write(`skipped: isolation: ${found.missing}\n`);

describe('the loss oracle', () => {
  it('sees what is lost and what comes twice, in every signal', () => {
    for (const signal of SIGNALS) {
      const ledger = new Ledger();
      const receipts = new Receipts();
      ledger.acknowledge(signal, ledger.send(signal, 3), 3);
      receipts.take(decodeRequest(signal, 'application/x-protobuf', bodyOf(signal, 0, 2)));
      expect([receipts.missing(ledger), receipts.has(ledger), receipts.duplicates]).toEqual([1, false, 0]);
      receipts.take(decodeRequest(signal, 'application/x-protobuf', bodyOf(signal, 1, 2)));
      expect([receipts.missing(ledger), receipts.has(ledger), receipts.duplicates]).toEqual([0, true, 1]);
    }
  });
});

describe.skipIf('missing' in found)('a sick destination', () => {
  it('hurts no other, and no kill of the Collector loses what was acknowledged', {
    timeout: 300_000,
  }, async () => {
    const { binary } = found as { binary: string };
    const rows = await runSeries({ binary, short: true });
    const notRun = rows.filter(({ not_run: reason }) => reason !== undefined);
    for (const { name, not_run: reason } of notRun) process.stderr.write(`not run: ${name}: ${reason}\n`);
    expect(rows.filter((row) => !row.holds && !notRun.includes(row))).toEqual([]);
    expect(rows.map(({ name }) => name).toSorted()).toEqual(
      [...SHORT, REAL_HUB, 'kill.sigkill_under_load'].toSorted(),
    );
  });
});
