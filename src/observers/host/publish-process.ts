import type { HrTime } from '@opentelemetry/api';
import { ATTR, METRIC } from '../../conventions/index.ts';
import type { Published } from '../published.ts';
import type { ProcessSnapshot } from './snapshot.ts';

const none = () => ({});
/** Beside the process itself, what it has started; together they are the tree. */
const CHILDREN = { [ATTR.processRole]: 'children' };

/** `process.*` of this or another process; `before` is the sample before, for shares of the time between the two. */
export function publishProcess(
  published: Published,
  now: ProcessSnapshot,
  before: ProcessSnapshot | undefined,
  start: HrTime,
): void {
  publishProcessLoad(published, now, before, start);
  publishProcessDetails(published, now, before, start);
}

/** CPU and memory of the process itself. */
export function publishProcessLoad(
  published: Published,
  now: ProcessSnapshot,
  before: ProcessSnapshot | undefined,
  start: HrTime,
): void {
  cpu(published, now, before, start);
  published.sampled(METRIC.processMemoryUsage, '', now.process.residentBytes, none);
}

/** The rest, and what it has started. */
export function publishProcessDetails(
  published: Published,
  now: ProcessSnapshot,
  before: ProcessSnapshot | undefined,
  start: HrTime,
): void {
  const process = now.process;
  published.set(METRIC.processMemoryVirtual, '', process.virtualBytes, none);
  published.set(METRIC.processThreads, '', process.threads, none);
  published.set(METRIC.processOpenFiles, '', process.openFiles, none);
  published.set(METRIC.processUptime, '', process.uptime, none);
  const direction = (name: string) => () => ({ [ATTR.diskDirection]: name });
  published.total(METRIC.processDiskIo, 'read', process.readBytes, direction('read'), start);
  published.total(METRIC.processDiskIo, 'write', process.writtenBytes, direction('write'), start);
  const kind = (name: string) => () => ({ [ATTR.contextSwitchType]: name });
  const { voluntarySwitches, involuntarySwitches } = process;
  published.total(METRIC.processContextSwitches, 'voluntary', voluntarySwitches, kind('voluntary'), start);
  published.total(
    METRIC.processContextSwitches,
    'involuntary',
    involuntarySwitches,
    kind('involuntary'),
    start,
  );
  published.total(METRIC.processPagingFaults, 'minor', process.minorFaults, faultType('minor'), start);
  published.total(METRIC.processPagingFaults, 'major', process.majorFaults, faultType('major'), start);
  children(published, now, before, start);
}

type CpuTimes = Pick<ProcessSnapshot['process'], 'cpuUser' | 'cpuSystem'>;

function cpu(
  published: Published,
  now: ProcessSnapshot,
  before: ProcessSnapshot | undefined,
  start: HrTime,
  of: (snapshot: ProcessSnapshot) => CpuTimes | undefined = ({ process }) => process,
  extra: Record<string, string> = {},
  timeOf: (snapshot: ProcessSnapshot) => number = ({ time }) => time,
): void {
  const times = of(now);
  const earlier = before && of(before);
  if (!times) return;
  const elapsed = before ? ((timeOf(now) - timeOf(before)) / 1000) * now.cpuCount : 0;
  for (const [mode, key] of [
    ['user', 'cpuUser'],
    ['system', 'cpuSystem'],
  ] as const) {
    const attributes = () => ({ ...extra, [ATTR.cpuMode]: mode });
    const name = `${mode} ${extra[ATTR.processRole] ?? ''}`;
    published.total(METRIC.processCpuTime, name, times[key], attributes, start);
    if (earlier && elapsed > 0) {
      const share = Math.max(0, times[key] - earlier[key]) / elapsed;
      published.sampled(METRIC.processCpuUtilization, name, share, attributes);
    }
  }
}

function children(
  published: Published,
  now: ProcessSnapshot,
  before: ProcessSnapshot | undefined,
  start: HrTime,
): void {
  const reading = now.process.children;
  if (!reading) return;
  const attributes = () => CHILDREN;
  published.set(METRIC.processChildren, '', reading.count, none);
  const readAt = ({ time, childrenTime = time }: ProcessSnapshot): number => childrenTime;
  cpu(published, now, before, start, ({ process }) => process.children, CHILDREN, readAt);
  published.sampled(METRIC.processMemoryUsage, 'children', reading.residentBytes, attributes);
  published.set(METRIC.processThreads, 'children', reading.threads, attributes);
  published.set(METRIC.processOpenFiles, 'children', reading.openFiles, attributes);
}

function faultType(type: string): () => { [name: string]: string } {
  return () => ({ [ATTR.pagingFaultType]: type });
}
