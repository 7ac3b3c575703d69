/** Two agents, a load balancer, two gateways, the hub's store: a gateway is killed under load. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CONFIG_FOLDER } from '../../src/collector/config-folder.ts';
import { openStore } from '../../src/hub/store/index.ts';
import { Balancer } from './isolation/balancer.ts';
import { startLoad } from './isolation/client.ts';
import { Collector, freePorts, sumOf } from './isolation/collector.ts';
import { realCollector } from './isolation/find-collector.ts';
import { holdings } from './isolation/hub-holdings.ts';
import { Ledger, SIGNALS } from './isolation/ledger.ts';
import { makePlace, type Place, removePlace } from './isolation/shipped.ts';
import { Sink, TAKE } from './isolation/sink.ts';

const found = await realCollector(['extensions/bearertokenauth']);
if ('missing' in found) process.stderr.write(`skipped: cluster: ${found.missing}\n`);

const REQUESTS = 80;
const ITEMS = 50;
const RATE = 20;
const PATIENCE_MS = 60_000;
const shipped = (name: string): string => join(CONFIG_FOLDER, name);
const AGENT = [shipped('base.yaml'), shipped('scale/agent.yaml')];
const GATEWAY = [shipped('base.yaml'), shipped('scale/gateway.yaml')];
const GATEWAY_TOKEN = 'cluster-test';

describe.skipIf('missing' in found)('two agents and two gateways', () => {
  it('lose and double nothing when a gateway is killed', { timeout: 180_000 }, async () => {
    const { binary } = found as { binary: string };
    await using stack = new AsyncDisposableStack();
    const place = async (): Promise<Place> => {
      const made = await makePlace();
      stack.defer(() => removePlace(made));
      return made;
    };
    const start = async (made: Place, configs: string[], env: Record<string, string>): Promise<Collector> => {
      const collector = await Collector.start({
        binary,
        configs,
        env: { ...made.env, GATEWAY_TOKEN, ...env },
        metricsPort: made.metricsPort,
      });
      stack.defer(() => collector.kill());
      return collector;
    };

    const hubPlace = await place();
    const store = await openStore({ dataDir: join(hubPlace.folder, 'hub') });
    stack.defer(() => store.close());
    const [port] = (await freePorts(1)) as [number];
    // A hub that takes its time, so that the gateway that is killed has requests under way.
    const hub = await new Sink(port, store).behave({ kind: 'slow', ms: 100 });
    stack.defer(() => hub.close());

    const gatewayPlaces = [await place(), await place()] as const;
    const gateways = await Promise.all(
      gatewayPlaces.map((made) => start(made, GATEWAY, { HUB_ENDPOINT: hub.url })),
    );
    const balancer = await Balancer.start(gatewayPlaces.map(({ url }) => Number(new URL(url).port)));
    stack.defer(() => balancer.close());
    const agentPlaces = [await place(), await place()] as const;
    await Promise.all(agentPlaces.map((made) => start(made, AGENT, { GATEWAY_ENDPOINT: balancer.url })));

    // One ledger: each number is sent to one of the agents, once.
    const ledger = new Ledger();
    const loads = agentPlaces.map(({ url }) =>
      startLoad({ url, ledger, rate: RATE, items: ITEMS, requests: REQUESTS }),
    );
    await ledger.reached((2 * SIGNALS.length * REQUESTS * ITEMS) / 3);
    const passed = sumOf(await (gateways[0] as Collector).metrics(), 'otelcol_receiver_accepted_');
    await (gateways[0] as Collector).kill();
    await Promise.all(loads.map(({ done }) => done));
    await hub.behave(TAKE);

    expect(await hub.until(() => hub.receipts.has(ledger), PATIENCE_MS)).toBe(true);
    expect(passed).toBeGreaterThan(0);
    expect(balancer.connections.size).toBe(2);
    expect(loads.map(({ seen }) => seen.lost)).toEqual([0, 0]);
    expect(ledger.acknowledgedTotal).toBe(2 * SIGNALS.length * REQUESTS * ITEMS);
    const held = await holdings(store, ledger);
    expect(held).toEqual({ missing: 0, twice: 0, recognised: hub.receipts.duplicates });
  });
});
