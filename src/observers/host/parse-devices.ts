import type { DiskReading, NetworkReading } from './snapshot.ts';

/** /proc/diskstats counts in sectors of this size, whatever the disk's own is (`Documentation/admin-guide/iostats.rst`). */
const SECTOR_BYTES = 512;

/** Behind the numbers of the device. */
const NAME = /^ *\d+ +\d+ (\S+)/;

/** /proc/diskstats, the devices that `wanted` says: partitions and loop devices would count everything twice. */
export function parseDisks(text: string, wanted: (name: string) => boolean): DiskReading[] {
  const disks: DiskReading[] = [];
  for (const line of text.split('\n')) {
    // Most lines are of partitions and loop devices: the name first.
    const name = NAME.exec(line)?.[1];
    if (name === undefined || !wanted(name)) continue;
    const fields = line.trim().split(/ +/);
    if (fields.length < 14) continue;
    const [reads, , sectorsRead, , writes, , sectorsWritten, , , busyMs] = fields.slice(3).map(Number) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    disks.push({
      name,
      reads,
      writes,
      readBytes: sectorsRead * SECTOR_BYTES,
      writtenBytes: sectorsWritten * SECTOR_BYTES,
      busy: busyMs / 1000,
    });
  }
  return disks;
}

/** /proc/net/dev without the loopback interface. */
export function parseNetworks(text: string): NetworkReading[] {
  const networks: NetworkReading[] = [];
  for (const line of text.split('\n')) {
    // The name may touch its first number: `eth0:123`.
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    const name = line.slice(0, colon).trim();
    if (name === 'lo') continue;
    const n = line
      .slice(colon + 1)
      .trim()
      .split(/ +/)
      .map(Number);
    if (n.length < 16 || n.some(Number.isNaN)) continue;
    networks.push({
      name,
      receivedBytes: n[0],
      receivedPackets: n[1],
      receiveErrors: n[2],
      receiveDropped: n[3],
      sentBytes: n[8],
      sentPackets: n[9],
      sendErrors: n[10],
      sendDropped: n[11],
    });
  }
  return networks;
}
