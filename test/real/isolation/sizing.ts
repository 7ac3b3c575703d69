import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Signal } from '../../../src/otlp/index.ts';
import { startLoad } from './client.ts';
import { Collector, freePorts, sumOf } from './collector.ts';
import { bodyOf, Ledger } from './ledger.ts';
import { type IsolationRow, rounded } from './row.ts';
import { configsOf, exporterOf, makePlace, removePlace, SHIPPED } from './shipped.ts';

const REQUESTS = 200;
const ITEMS = 500;

/**
 * What an item costs in the hub's queue while the hub is away: by the Collector's own count (which `queue_size` bounds),
 * and on disk. And the sizes that follow for outages.
 */
export async function measureQueue(binary: string, signal: Signal): Promise<IsolationRow> {
  const place = await makePlace();
  const [nobody] = (await freePorts(1)) as [number];
  const collector = await Collector.start({
    binary,
    configs: configsOf(['hub']),
    env: { ...place.env, [SHIPPED.hub.endpoint]: `http://127.0.0.1:${nobody}` },
    metricsPort: place.metricsPort,
  });
  try {
    const ledger = new Ledger();
    const load = startLoad({
      url: place.url,
      ledger,
      rate: 1e6,
      items: ITEMS,
      requests: REQUESTS,
      signals: [signal],
    });
    await load.done;
    const lines = await collector.metrics();
    const queued = sumOf(lines, 'otelcol_exporter_queue_size', `exporter="${exporterOf('hub')}"`);
    const items = REQUESTS * ITEMS;
    const folder = join(place.env['OTELCOL_STATE'] as string, 'queue');
    const onDisk = readdirSync(folder)
      .filter((name) => name.includes(`hub_${signal}`))
      .reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    const perItem = queued / items;
    return {
      name: `sizing.${signal}`,
      holds: load.seen.lost === 0 && perItem > 0,
      request_bytes_per_item: rounded(bodyOf(signal, 0, ITEMS).length / ITEMS, 1),
      queue_bytes_per_item: rounded(perItem, 1),
      disk_bytes_per_item: rounded(onDisk / items, 1),
      gib_1h_at_1k_per_s: gib(perItem, 1, 1e3),
      gib_8h_at_1k_per_s: gib(perItem, 8, 1e3),
      gib_24h_at_1k_per_s: gib(perItem, 24, 1e3),
      gib_1h_at_10k_per_s: gib(perItem, 1, 1e4),
      gib_24h_at_10k_per_s: gib(perItem, 24, 1e4),
      hours_of_2gib_at_1k_per_s: rounded(2 ** 31 / (perItem * 1e3 * 3600), 1),
    };
  } finally {
    await collector.kill();
    removePlace(place);
  }
}

/** Size of a queue for an outage of so many hours at so many items a second. */
const gib = (bytesPerItem: number, hours: number, perSecond: number): number | null =>
  rounded((bytesPerItem * perSecond * 3600 * hours) / 2 ** 30, 2);
