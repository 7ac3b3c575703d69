import { KeyChart } from './metric-chart.tsx';

/** What the host charts show: a title, and catalogue keys with one unit. */
export const HOST_CHARTS = [
  { title: 'CPU', keys: ['system/cpu_percent', 'process/cpu_percent'] },
  { title: 'Memory', keys: ['system/memory_percent', 'system/swap_percent'] },
  { title: 'Event loop delay p99', keys: ['process/eventloop_delay'] },
  {
    title: 'Network',
    keys: ['system/network_receive_bytes_per_second', 'system/network_transmit_bytes_per_second'],
  },
  { title: 'Disk', keys: ['system/disk_read_bytes_per_second', 'system/disk_write_bytes_per_second'] },
  { title: 'Process memory', keys: ['process/memory_rss_gb'] },
  { title: 'Load average', keys: ['system/load_average'] },
  { title: 'Event loop busy', keys: ['process/eventloop_utilization'] },
] as const;

export function HostCharts({ only, height }: { only?: number; height?: number }) {
  return (
    <div class={only === undefined ? 'grid charts' : 'grid quarters'}>
      {HOST_CHARTS.slice(0, only).map(({ title, keys }) => (
        <KeyChart
          key={title}
          title={title}
          keys={keys}
          height={height}
          empty="Not reported in this window."
        />
      ))}
    </div>
  );
}
