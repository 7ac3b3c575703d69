import type { ReceiverStats } from '../receiver/index.ts';
import type { StoreStats } from '../store/store.ts';
import { type Family, type Sample, exposition } from './exposition.ts';

/** What the hub tells of itself. */
export interface OwnNumbers {
  version: string;
  startedAt: number;
  store: StoreStats;
  receiver: ReceiverStats;
  live: { clients: number; dropped: number };
  responses: readonly { route: string; status: number; count: number }[];
  memory: number;
  cpuSeconds: number;
}

/** The hub's own metrics in Prometheus' text format, for `GET /metrics`. */
export function ownMetrics(numbers: OwnNumbers): string {
  return exposition(FAMILIES.map(({ of, ...family }) => ({ ...family, samples: of(numbers) })));
}

const by = (label: string, values: Readonly<Record<string, number>>): Sample[] =>
  Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));
const one = (value: number): Sample[] => [{ value }];

const FAMILIES: readonly (Omit<Family, 'samples'> & { of: (numbers: OwnNumbers) => Sample[] })[] = [
  {
    name: 'llm_otel_hub_info',
    type: 'gauge',
    help: 'Version of the hub; always 1',
    of: ({ version }) => [{ labels: { version }, value: 1 }],
  },
  {
    name: 'llm_otel_hub_stored_total',
    type: 'counter',
    help: 'What was stored since the start, by kind',
    of: ({ store }) => by('kind', store.appended),
  },
  {
    name: 'llm_otel_hub_duplicates_total',
    type: 'counter',
    help: 'What had been stored before and came again, by kind',
    of: ({ store }) => by('kind', store.duplicates),
  },
  {
    name: 'llm_otel_hub_rejected_total',
    type: 'counter',
    help: 'What the store did not take, by reason',
    of: ({ store }) => by('reason', store.rejected),
  },
  {
    name: 'llm_otel_hub_otlp_requests_total',
    type: 'counter',
    help: 'OTLP requests by signal and HTTP status; aborted: the sender went away',
    of: ({ receiver }) =>
      Object.entries(receiver.requests).flatMap(([signal, counts]) =>
        Object.entries(counts).map(([code, value]) => ({ labels: { signal, code }, value })),
      ),
  },
  {
    name: 'llm_otel_hub_otlp_received_bytes_total',
    type: 'counter',
    help: 'Bytes of OTLP bodies as they were sent',
    of: ({ receiver }) => one(receiver.receivedBytes),
  },
  {
    name: 'llm_otel_hub_otlp_decompressed_bytes_total',
    type: 'counter',
    help: 'Bytes of OTLP bodies after decompression',
    of: ({ receiver }) => one(receiver.decompressedBytes),
  },
  {
    name: 'llm_otel_hub_otlp_accepted_total',
    type: 'counter',
    help: 'Items that were acknowledged, by kind',
    of: ({ receiver }) => by('kind', { ...receiver.accepted }),
  },
  {
    name: 'llm_otel_hub_otlp_in_flight_bytes',
    type: 'gauge',
    help: 'Bytes of OTLP bodies that are being received or stored',
    of: ({ receiver }) => one(receiver.inFlightBytes),
  },
  {
    name: 'llm_otel_hub_http_responses_total',
    type: 'counter',
    help: 'HTTP answers by route and status',
    of: ({ responses }) =>
      responses.map(({ route, status, count }) => ({
        labels: { route, code: String(status) },
        value: count,
      })),
  },
  {
    name: 'llm_otel_hub_series',
    type: 'gauge',
    help: 'Series of metrics in the store',
    of: ({ store }) => one(store.series),
  },
  {
    name: 'llm_otel_hub_store_bytes',
    type: 'gauge',
    help: 'Bytes of the store on disk',
    of: ({ store }) => one(store.bytesOnDisk),
  },
  {
    name: 'llm_otel_hub_unsealed_bytes',
    type: 'gauge',
    help: 'Bytes that are durable but not yet in chunks',
    of: ({ store }) => one(store.unsealedBytes),
  },
  {
    name: 'llm_otel_hub_live_clients',
    type: 'gauge',
    help: 'Clients of the live stream',
    of: ({ live }) => one(live.clients),
  },
  {
    name: 'llm_otel_hub_live_dropped_updates_total',
    type: 'counter',
    help: 'Live updates that were left out since a client did not read',
    of: ({ live }) => one(live.dropped),
  },
  {
    name: 'process_start_time_seconds',
    type: 'gauge',
    help: 'Start of the hub, seconds since the epoch',
    of: ({ startedAt }) => one(startedAt / 1000),
  },
  {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    help: 'Resident memory of the hub',
    of: ({ memory }) => one(memory),
  },
  {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    help: 'CPU time of the hub',
    of: ({ cpuSeconds }) => one(cpuSeconds),
  },
];
