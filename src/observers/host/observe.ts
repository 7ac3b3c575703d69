import type { HrTime } from '@opentelemetry/api';
import { type InstrumentRegistry, instruments } from '../../telemetry/instruments/registry.ts';
import { intervalOf } from '../interval.ts';
import { Published } from '../published.ts';
import { Sampler } from '../sampler.ts';
import { ForeignProcessReader } from './foreign-process.ts';
import { publishProcess } from './publish-process.ts';
import type { ProcessSnapshot } from './snapshot.ts';
import { secondsAgo } from './start.ts';

export const PROCESS_SCOPE = 'llm-otel.process';

export interface ProcessObserverOptions {
  /** The process to observe; what it starts is observed with it. */
  pid: number;
  /** Time between two samples: `1s` or milliseconds. Default 1 s. */
  interval?: string | number;
  /** Default this process's instruments. */
  registry?: InstrumentRegistry;
  /** Default `/proc`. */
  proc?: string;
}

export interface ProcessObserver {
  /** Takes no further sample. Default: its series end as well; `keep` leaves the last sample for an export that is to come. */
  stop(options?: { keep?: boolean }): void;
}

/**
 * Observes another process and its children, a Python training for instance, and publishes `process.*`: the process
 * itself, and its children together with `llm.process.role` = children. The series end with the process.
 * Linux; elsewhere nothing is observed.
 *
 * @throws TypeError for an interval that cannot be read.
 */
export function observe(options: ProcessObserverOptions): ProcessObserver {
  const interval = intervalOf('interval', options.interval, 1000);
  if (process.platform !== 'linux' && options.proc === undefined) return { stop() {} };
  const { pid, proc, registry = instruments } = options;
  const reader = new ForeignProcessReader({ pid, ...(proc !== undefined && { proc }) });
  const published = new Published(registry, PROCESS_SCOPE);
  let previous: ProcessSnapshot | undefined;
  let start: HrTime | undefined;
  const sampler = new Sampler({
    name: `process ${pid}`,
    interval,
    firstAfter: Math.min(interval, 200),
    sample() {
      const snapshot = reader.read();
      published.begin();
      if (snapshot) {
        start ??= secondsAgo(snapshot.process.uptime);
        publishProcess(published, snapshot, previous, start);
      }
      published.end();
      previous = snapshot;
    },
  });
  sampler.start();
  return {
    stop({ keep = false } = {}) {
      sampler.stop();
      reader.close();
      if (!keep) published.clear();
    },
  };
}
