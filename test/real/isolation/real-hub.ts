import { join } from 'node:path';
import { type Hub, startHub } from '../../../src/hub/index.ts';
import { startLoad } from './client.ts';
import { Collector, freePorts } from './collector.ts';
import { type Holdings, holdings } from './hub-holdings.ts';
import { Ledger } from './ledger.ts';
import { type IsolationRow, rounded } from './row.ts';
import type { Pace } from './scenario.ts';
import { configsOf, makePlace, removePlace, SHIPPED } from './shipped.ts';
import { Sink } from './sink.ts';

export const REAL_HUB = 'isolation.real_hub_restarted_beside_hanging';

/**
 * The hub as it is run, stopped in the middle of the load and started again on its data, beside an optional destination
 * that hangs. Holds when the client noticed nothing and the hub has everything once.
 */
export async function runRealHub(binary: string, pace: Pace): Promise<IsolationRow> {
  const place = await makePlace();
  const [hubPort, otherPort] = (await freePorts(2)) as [number, number];
  const begin = (): Promise<Hub> =>
    startHub({ port: hubPort, otlpPort: false, dataDir: join(place.folder, 'hub') });
  const hanging = await new Sink(otherPort).behave({ kind: 'hang' });
  let hub = await begin();
  let collector: Collector | undefined;
  try {
    collector = await Collector.start({
      binary,
      configs: configsOf(['hub', 'otlp']),
      env: { ...place.env, [SHIPPED.hub.endpoint]: hub.url, [SHIPPED.otlp.endpoint]: hanging.url },
      metricsPort: place.metricsPort,
    });
    const ledger = new Ledger();
    const { rate, items, requests } = pace;
    const load = startLoad({ url: place.url, ledger, rate, items, requests });
    const all = 3 * items * requests;
    await ledger.reached(Math.floor(all / 3));
    await hub.stop();
    await ledger.reached(Math.floor((all * 2) / 3));
    const began = performance.now();
    hub = await begin();
    await load.done;
    const held = await complete(hub, ledger, pace.patienceMs);
    return {
      name: REAL_HUB,
      holds: held.missing === 0 && held.twice === 0 && load.seen.lost === 0 && load.seen.retries === 0,
      sent: ledger.sentTotal,
      acknowledged: ledger.acknowledgedTotal,
      client_retries: load.seen.retries,
      hub_missing: held.missing,
      hub_held_twice: held.twice,
      hub_duplicates_recognised: held.recognised,
      hub_complete_after_s: rounded((performance.now() - began) / 1000, 1),
    };
  } finally {
    await collector?.kill();
    await hub.stop();
    await hanging.close();
    removePlace(place);
  }
}

/** Looks whenever the hub says that something came, until nothing is missing or the time is up. */
async function complete(hub: Hub, ledger: Ledger, patienceMs: number): Promise<Holdings> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const changed = new Promise<void>((resolve) => {
      const stop = hub.store.onChange(() => {
        stop();
        resolve();
      });
    });
    const held = await holdings(hub.store, ledger);
    const left = deadline - performance.now();
    if (held.missing === 0 || left <= 0) return held;
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([changed, new Promise<void>((resolve) => (timer = setTimeout(resolve, left)))]);
    clearTimeout(timer);
  }
}
