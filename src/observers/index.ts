import { ENV } from '../conventions/index.ts';
import { energyMeter, type EnergyMeter } from '../telemetry/instruments/energy-meter.ts';
import { observesTheMachine } from './gpu/presence.ts';
import { type GpuObserverOptions, startGpuObserver } from './gpu/start.ts';
import { type HostObserverOptions, startHostObserver } from './host/start.ts';
import { type RuntimeObserverOptions, startRuntimeObserver } from './runtime/start.ts';
import { readSelection } from './selection.ts';

export { energyMeter, type EnergyMeter };
export { type GpuObserver, type GpuObserverOptions, startGpuObserver } from './gpu/start.ts';
export { type HostInventory, hostInventory } from './host/inventory.ts';
export { LinuxReader, type LinuxReaderOptions } from './host/linux-reader.ts';
export { observe, type ProcessObserver, type ProcessObserverOptions } from './host/observe.ts';
export type { HostReader, HostSnapshot } from './host/snapshot.ts';
export { type HostObserverOptions, startHostObserver } from './host/start.ts';
export { type RuntimeObserverOptions, startRuntimeObserver } from './runtime/start.ts';

export interface ObserversOptions {
  /** The machine and this process. Default: whether LLM_OTEL_OBSERVERS names `host`. */
  host?: boolean | Pick<HostObserverOptions, 'interval'>;
  /** Event loop, garbage collection and heap. Default: whether LLM_OTEL_OBSERVERS names `runtime`. */
  runtime?: boolean | Pick<RuntimeObserverOptions, 'interval'>;
  /**
   * GPUs. Default: whether LLM_OTEL_OBSERVERS names `gpu`, in one process of a machine (of several ranks the first, of
   * a cluster the primary). Nothing is started on a machine without a GPU.
   */
  gpu?: boolean | Pick<GpuObserverOptions, 'interval' | 'processes'>;
}

let running: { users: number; stop(): void } | undefined;

/**
 * Starts the observers of this process, once: a later call while they run joins them (its options are not looked at), and
 * the last `stop` ends them.
 * @throws TypeError for an interval or a variable that cannot be read.
 */
export function startObservers(options: ObserversOptions = {}): { stop(): void } {
  const observers = (running ??= begin(options));
  observers.users++;
  let stopped = false;
  return {
    stop() {
      if (stopped) return;
      stopped = true;
      if (--observers.users > 0) return;
      observers.stop();
      if (running === observers) running = undefined;
    },
  };
}

function begin(options: ObserversOptions): { users: number; stop(): void } {
  const named = readSelection(process.env[ENV.observers.name]);
  const {
    host = named.host ?? false,
    runtime = named.runtime ?? false,
    gpu = observesTheMachine() ? (named.gpu ?? false) : false,
  } = options;
  const started: { stop(): void }[] = [];
  // First, since it forks: a process is stalled by that for longer the larger it is.
  if (gpu !== false) started.push(startGpuObserver(gpu === true ? {} : gpu));
  if (host !== false) started.push(startHostObserver(host === true ? {} : host));
  if (runtime !== false) started.push(startRuntimeObserver(runtime === true ? {} : runtime));
  return {
    users: 0,
    stop() {
      for (const observer of started) observer.stop();
    },
  };
}

export { type ObserverSelection, readSelection, selectionText } from './selection.ts';
