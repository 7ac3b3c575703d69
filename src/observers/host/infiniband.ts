import { readdirSync, readFileSync } from 'node:fs';

/** A port of an InfiniBand or RoCE adapter. Totals since the adapter was reset. */
export interface InfinibandReading {
  /** `mlx5_0/1`: device and port. */
  readonly name: string;
  readonly receivedBytes: number | undefined;
  readonly sentBytes: number | undefined;
  readonly receivedPackets: number | undefined;
  readonly sentPackets: number | undefined;
  readonly receiveErrors: number | undefined;
  readonly linkDowned: number | undefined;
  readonly active: boolean;
  /** Bytes a second. */
  readonly speed: number | undefined;
}

/** Data are counted in units of four octets (InfiniBand specification, PortCounters). */
const DATA_UNIT = 4;

/** /sys/class/infiniband (Documentation/ABI/stable/sysfs-class-infiniband). Some adapters ask their firmware: not for every sample. */
export function readInfiniband(sys: string): InfinibandReading[] {
  const root = `${sys}/class/infiniband`;
  return list(root).flatMap((device) =>
    list(`${root}/${device}/ports`).map((port) => {
      const path = `${root}/${device}/ports/${port}`;
      const count = (name: string): number | undefined => {
        const value = Number(text(`${path}/counters/${name}`) || Number.NaN);
        return Number.isFinite(value) ? value : undefined;
      };
      const data = (name: string): number | undefined => {
        const units = count(name);
        return units === undefined ? undefined : units * DATA_UNIT;
      };
      const gigabits = /^([\d.]+) Gb\/sec/.exec(text(`${path}/rate`) ?? '')?.[1];
      return {
        name: `${device}/${port}`,
        receivedBytes: data('port_rcv_data'),
        sentBytes: data('port_xmit_data'),
        receivedPackets: count('port_rcv_packets'),
        sentPackets: count('port_xmit_packets'),
        receiveErrors: count('port_rcv_errors'),
        linkDowned: count('link_downed'),
        active: (text(`${path}/state`) ?? '').includes('ACTIVE'),
        speed: gigabits === undefined ? undefined : (Number(gigabits) * 1e9) / 8,
      };
    }),
  );
}

function text(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return undefined;
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}
