import { join } from 'node:path';
import { filesOf, importFiles } from '../../../src/cli/import-files.ts';
import { ImportSender } from '../../../src/cli/import-sender.ts';
import { openStore } from '../../../src/hub/store/index.ts';
import type { Store } from '../../../src/hub/store/store.ts';
import { DEFAULT_BACK_OFF } from '../../../src/training/delivery/back-off.ts';
import { startLoad } from './client.ts';
import { Collector, freePorts } from './collector.ts';
import { readFiles } from './files.ts';
import { type Holdings, holdings } from './hub-holdings.ts';
import { Ledger } from './ledger.ts';
import { type IsolationRow, rounded } from './row.ts';
import { configsOf, makePlace, type Place, removePlace, SHIPPED } from './shipped.ts';
import { Sink, TAKE } from './sink.ts';

export interface KillSeries {
  name: string;
  rounds: number;
  /** Requests a second and signal, items in each. */
  rate: number;
  items: number;
  /** Longest wait for the hub to have everything in the end. */
  patienceMs: number;
  /** Uniform in [0, 1). */
  random: () => number;
}

/** Every so manieth round the hub is away, so that the queues on disk hold something when the Collector is killed. */
const AWAY_EVERY = 3;
const OPTIONAL_PATIENCE_MS = 3000;
/** Every so manieth ending is a clean one. */
const CLEAN_EVERY = 7;

/**
 * kill -9 at random moments under load, with the real hub behind the Collector (its store with our receiver in front).
 * Holds when everything that the client got acknowledged is in the hub exactly once, and in the files.
 */
export async function runKillSeries(binary: string, series: KillSeries): Promise<IsolationRow> {
  const place = await makePlace();
  const store = await openStore({ dataDir: join(place.folder, 'hub') });
  const [hubPort, otherPort] = (await freePorts(2)) as [number, number];
  const hub = await new Sink(hubPort, store).behave(TAKE);
  const optional = await new Sink(otherPort).behave(TAKE);
  const running: { collector?: Collector } = {};
  try {
    return await kills(binary, series, place, { store, hub, optional }, running);
  } finally {
    await running.collector?.kill();
    await hub.close();
    await optional.close();
    await store.close();
    removePlace(place);
  }
}

async function kills(
  binary: string,
  { name, rounds, rate, items, patienceMs, random }: KillSeries,
  place: Place,
  { store, hub, optional }: { store: Store; hub: Sink; optional: Sink },
  running: { collector?: Collector },
): Promise<IsolationRow> {
  const start = async (): Promise<Collector> => {
    const began = performance.now();
    const collector = await Collector.start({
      binary,
      configs: configsOf(['hub', 'file', 'otlp']),
      env: { ...place.env, [SHIPPED.hub.endpoint]: hub.url, [SHIPPED.otlp.endpoint]: optional.url },
      metricsPort: place.metricsPort,
    });
    starts.push(performance.now() - began);
    running.collector = collector;
    return collector;
  };
  const starts: number[] = [];
  const ledger = new Ledger();
  let collector = await start();
  const load = startLoad({ url: place.url, ledger, rate, items, requests: Number.POSITIVE_INFINITY });
  let killed = 0;
  let clean = 0;
  for (let round = 1; round <= rounds + clean; round++) {
    // The moment: after a random number of acknowledgements, and then within the next request.
    await ledger.reached(ledger.acknowledgedTotal + items * Math.ceil(1 + random() * rate));
    await new Promise((resolve) => setTimeout(resolve, random() * (1000 / rate)));
    if (round % AWAY_EVERY === 0) await hub.behave({ kind: 'answer', status: 503, retryAfterSeconds: 1 });
    if (round % CLEAN_EVERY === 0) {
      await collector.stop();
      clean++;
    } else {
      await collector.kill();
      killed++;
    }
    if (round % AWAY_EVERY === 1) await hub.behave(TAKE);
    collector = await start();
  }
  load.finish();
  await load.done;
  await hub.behave(TAKE);
  const last = performance.now();
  const complete = await hub.until(() => hub.receipts.has(ledger), patienceMs);
  const completeAfter = rounded((performance.now() - last) / 1000, 1);
  // What the optional one lacks is the price of its valve: it has no promise, and nothing to wait for but its queue.
  await optional.until(() => optional.receipts.has(ledger), OPTIONAL_PATIENCE_MS);
  await collector.stop();
  delete running.collector;
  const inHub = await holdings(store, ledger);
  const files = await readFiles(place.files);
  const missingInFiles = files.receipts.missing(ledger);
  const rebuilt = await rebuild(place, ledger);
  return {
    name,
    holds:
      complete && load.seen.lost === 0 && inHub.missing === 0 && inHub.twice === 0 && missingInFiles === 0,
    kills: killed,
    clean_restarts: clean,
    sent: ledger.sentTotal,
    acknowledged: ledger.acknowledgedTotal,
    hub_missing: inHub.missing,
    hub_held_twice: inHub.twice,
    hub_duplicates_recognised: inHub.recognised,
    sent_to_hub_again: hub.receipts.duplicates,
    hub_complete_after_s: completeAfter,
    file_missing: missingInFiles,
    file_duplicates: files.receipts.duplicates,
    file_torn: files.torn,
    file_unreadable: files.unreadable,
    imported_missing: rebuilt.missing,
    imported_held_twice: rebuilt.twice,
    optional_missing: optional.receipts.missing(ledger),
    client_retries: load.seen.retries,
    client_longest_s: rounded(load.seen.longest / 1000, 1),
    start_max_s: rounded(Math.max(...starts) / 1000, 1),
  };
}

/** A new hub from the files alone, by `llm-otel import`. */
async function rebuild(place: Place, ledger: Ledger): Promise<Holdings> {
  const store = await openStore({ dataDir: join(place.folder, 'rebuilt') });
  const [port] = (await freePorts(1)) as [number];
  const hub = await new Sink(port, store).behave(TAKE);
  const sender = new ImportSender({
    endpoint: hub.url,
    env: {},
    patience: 3,
    backOff: DEFAULT_BACK_OFF,
    warn: () => {},
  });
  try {
    await importFiles(filesOf([place.files]), { send: (requests) => sender.send(requests) });
    return await holdings(store, ledger);
  } finally {
    sender.close();
    await hub.close();
    await store.close();
  }
}
