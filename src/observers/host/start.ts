import type { HrTime } from '@opentelemetry/api';
import { type InstrumentRegistry, instruments } from '../../telemetry/instruments/registry.ts';
import { intervalOf } from '../interval.ts';
import { Published } from '../published.ts';
import { Sampler } from '../sampler.ts';
import { DeviceProcess } from './device-readings.ts';
import { LinuxReader } from './linux-reader.ts';
import { PortableReader } from './portable-reader.ts';
import { publishHost, type Starts } from './publish.ts';
import type { HostReader, HostSnapshot } from './snapshot.ts';

export const HOST_SCOPE = 'llm-otel.host';

export interface HostObserverOptions {
  /** Time between two samples: `1s` or milliseconds. Default 1 s. */
  interval?: string | number;
  /** Whether `process.*` of this process is published as well. Default true. */
  ownProcess?: boolean;
  /** Default: /proc on Linux, what Node knows elsewhere. */
  reader?: HostReader;
  /** Default this process's instruments. */
  registry?: InstrumentRegistry;
}

/**
 * Samples the machine and this process and publishes `system.*` and `process.*`. The first sample is taken at once;
 * shares of time (`*.utilization`) come with the second.
 * @throws TypeError for an interval that cannot be read.
 */
export function startHostObserver(options: HostObserverOptions = {}): { stop(): void } {
  const interval = intervalOf('host.interval', options.interval, 1000);
  const reader = options.reader ?? defaultHostReader();
  const published = new Published(options.registry ?? instruments, HOST_SCOPE);
  let previous: HostSnapshot | undefined;
  let starts: Starts | undefined;
  const sampler = new Sampler({
    name: 'the host observer',
    interval,
    // Shares of time soon, also at a long interval.
    firstAfter: Math.min(interval, 1000),
    sample() {
      const snapshot = reader.read();
      starts ??= {
        machine: secondsAgo(snapshot.uptime ?? 0),
        process: secondsAgo(snapshot.process.uptime),
      };
      publishHost(published, snapshot, previous, starts, options.ownProcess);
      previous = snapshot;
    },
  });
  sampler.start();
  return {
    stop() {
      sampler.stop();
      reader.close();
      published.clear();
    },
  };
}

export function defaultHostReader(): HostReader {
  return process.platform === 'linux'
    ? new LinuxReader()
    : new PortableReader({ devices: new DeviceProcess() });
}

export function secondsAgo(seconds: number): HrTime {
  const milliseconds = Date.now() - seconds * 1000;
  const whole = Math.floor(milliseconds / 1000);
  return [whole, Math.round((milliseconds - whole * 1000) * 1e6)];
}
