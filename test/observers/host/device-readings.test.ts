import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { METRIC } from '../../../src/conventions/index.ts';
import { DeviceProcess, type DeviceReadings } from '../../../src/observers/host/device-readings.ts';
import { parseNetworks } from '../../../src/observers/host/parse-devices.ts';
import { PortableReader } from '../../../src/observers/host/portable-reader.ts';
import { publishHost } from '../../../src/observers/host/publish.ts';
import { ownHelpers } from '../../../src/observers/own-helpers.ts';
import { Published } from '../../../src/observers/published.ts';
import { InstrumentRegistry } from '../../../src/telemetry/instruments/registry.ts';
import { valuesOf } from '../published-values.ts';

describe('disks and networks where only other programs tell them', () => {
  const disk = (readBytes: number) => ({
    name: 'all',
    readBytes,
    writtenBytes: 1,
    reads: undefined,
    writes: undefined,
    busy: undefined,
  });

  it('are published when there is a new reading, once, and are taken off when none comes any more', () => {
    const registry = new InstrumentRegistry();
    const published = new Published(registry, 'test');
    let latest: DeviceReadings | undefined;
    const reader = new PortableReader({ devices: { latest: () => latest, close() {} } });
    const take = () => {
      const snapshot = reader.read();
      publishHost(published, snapshot, undefined, { machine: [0, 0], process: [0, 0] });
      return snapshot.fresh?.details;
    };
    const read = () => valuesOf(registry, METRIC.diskIo)['all read'];
    expect([take(), read()]).toEqual([true, undefined]);
    latest = { disks: [disk(100)], networks: [] };
    expect([take(), read(), take()]).toEqual([true, 100, false]);
    latest = { disks: [disk(150)], networks: [] };
    expect([take(), read(), take(), read()]).toEqual([true, 150, false, 150]);
    latest = undefined;
    expect([take(), read()]).toEqual([true, undefined]);
  });

  it.runIf(process.platform === 'linux')(
    'come from a process of their own, which ends with the observer',
    async () => {
      const before = parseNetworks(readFileSync('/proc/self/net/dev', 'latin1'));
      const devices = new DeviceProcess({ intervalMs: 50 });
      const [helper] = ownHelpers;
      const first = await vi.waitFor(() => {
        const readings = devices.latest();
        expect(readings).toBeDefined();
        return readings as DeviceReadings;
      }, 20_000);
      await vi.waitFor(() => expect(devices.latest()).not.toBe(first), 20_000);
      const after = parseNetworks(readFileSync('/proc/self/net/dev', 'latin1'));
      for (const { name, receivedBytes, sentBytes } of first.networks) {
        const of = (all: typeof before) => all.find((network) => network.name === name);
        expect(receivedBytes).toBeGreaterThanOrEqual(of(before)?.receivedBytes ?? Infinity);
        expect(receivedBytes).toBeLessThanOrEqual(of(after)?.receivedBytes ?? -1);
        expect(sentBytes).toBeLessThanOrEqual(of(after)?.sentBytes ?? -1);
      }
      expect(first.networks.map(({ name }) => name)).not.toContain('lo');
      devices.close();
      expect(devices.latest()).toBeUndefined();
      await vi.waitFor(() => expect([...ownHelpers]).not.toContain(helper), 20_000);
    },
  );
});
