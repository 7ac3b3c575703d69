/**
 * The process that reads disks and networks where that takes other programs: `systeminformation` starts them. It tells
 * its readings by messages, and ends when the program does, or when there is nothing to tell.
 */
import type { DeviceReadings } from './device-readings.ts';
import type { DiskReading, NetworkReading } from './snapshot.ts';

const intervalMs = Number(process.argv[2]);
const LOOPBACK = /^lo\d*$|loopback/i;

// Ctrl-C reaches every process of the terminal; the program decides whether it ends, and is read until then.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
process.once('disconnect', () => process.exit());

const known = (value: number | null | undefined): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;

async function main(): Promise<void> {
  const { disksIO, fsStats, networkStats } = await import('systeminformation');
  const readDisks = async (): Promise<DiskReading[]> => {
    // Of all disks together: neither system tells them apart.
    const [bytes, operations] = await Promise.all([fsStats(), disksIO()]);
    const [readBytes, writtenBytes] = [known(bytes?.rx), known(bytes?.wx)];
    if (readBytes === undefined || writtenBytes === undefined) return [];
    const [reads, writes] = [known(operations?.rIO), known(operations?.wIO)];
    return [{ name: 'all', readBytes, writtenBytes, reads, writes, busy: undefined }];
  };
  const readNetworks = async (): Promise<NetworkReading[]> =>
    (await networkStats('*'))
      .filter(({ iface }) => iface !== '' && !LOOPBACK.test(iface))
      .map((one) => ({
        name: one.iface,
        receivedBytes: known(one.rx_bytes),
        receivedPackets: undefined,
        receiveErrors: known(one.rx_errors),
        receiveDropped: known(one.rx_dropped),
        sentBytes: known(one.tx_bytes),
        sentPackets: undefined,
        sendErrors: known(one.tx_errors),
        sendDropped: known(one.tx_dropped),
      }));
  for (;;) {
    const [disks, networks] = await Promise.all([readDisks(), readNetworks()]);
    if (disks.length === 0 && networks.length === 0) process.exit();
    const readings: DeviceReadings = { disks, networks };
    process.send?.(readings, undefined, undefined, () => {});
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}

await main();
