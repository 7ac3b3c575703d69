import type { Pace, Scenario } from './scenario.ts';
import type { Behaviour } from './sink.ts';

const REFUSED: Behaviour = { kind: 'refused' };
const HANG: Behaviour = { kind: 'hang' };
const UNAVAILABLE: Behaviour = { kind: 'answer', status: 503, retryAfterSeconds: 2 };
const BAD_REQUEST: Behaviour = { kind: 'answer', status: 400 };
const SLOW: Behaviour = { kind: 'slow', ms: 1500 };

/** The hub and the files, which must not lose, beside one optional destination for all signals. */
const THREE = ['hub', 'file', 'otlp'] as const;
/** A queue that is full within a second; not below the least size of a batch. */
const TINY_QUEUE_BYTES = 300_000;

/** One sick destination beside healthy ones; then what is shared, and what overflow does. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'isolation.healthy', destinations: THREE, sick: {} },
  { name: 'isolation.refused', destinations: THREE, sick: { otlp: REFUSED } },
  { name: 'isolation.hang', destinations: THREE, sick: { otlp: HANG } },
  { name: 'isolation.503_retry_after', destinations: THREE, sick: { otlp: UNAVAILABLE } },
  { name: 'isolation.400', destinations: THREE, sick: { otlp: BAD_REQUEST }, mayDrop: ['otlp'] },
  { name: 'isolation.slow', destinations: THREE, sick: { otlp: SLOW } },
  {
    name: 'isolation.all_sick_at_once',
    destinations: ['hub', 'file', 'otlp', 'mlflow', 'weave', 'opik'],
    sick: { mlflow: REFUSED, weave: HANG, opik: UNAVAILABLE, otlp: BAD_REQUEST },
    mayDrop: ['otlp'],
  },
  { name: 'isolation.hub_down', destinations: THREE, sick: { hub: REFUSED } },
  { name: 'isolation.file_disk_full', destinations: THREE, sick: {}, fullDisk: 'files', clientMayWait: true },
  {
    name: 'isolation.optional_file_disk_full',
    destinations: THREE,
    options: ['file-optional'],
    sick: {},
    fullDisk: 'files',
    fileMayDrop: true,
  },
  {
    name: 'isolation.queue_disk_full',
    destinations: THREE,
    sick: {},
    fullDisk: 'queues',
    clientMayWait: true,
  },
  {
    name: 'isolation.hub_queue_full',
    destinations: THREE,
    sick: { hub: REFUSED },
    queueBytes: { hub: TINY_QUEUE_BYTES },
    clientMayWait: true,
  },
  {
    name: 'isolation.optional_queue_full',
    destinations: THREE,
    sick: { otlp: REFUSED },
    queueBytes: { otlp: TINY_QUEUE_BYTES },
    mayDrop: ['otlp'],
  },
];

/** What CI runs: every sickness is in it once. */
export const SHORT: ReadonlySet<string> = new Set([
  'isolation.slow',
  'isolation.all_sick_at_once',
  'isolation.file_disk_full',
  'isolation.hub_queue_full',
]);

export const LONG_PACE: Pace = { rate: 25, items: 100, requests: 500, sickForMs: 21_000, patienceMs: 90_000 };
export const SHORT_PACE: Pace = { rate: 20, items: 50, requests: 60, sickForMs: 4000, patienceMs: 60_000 };
