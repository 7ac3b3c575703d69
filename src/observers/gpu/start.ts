import { diag } from '@opentelemetry/api';
import { uptime } from 'node:os';
import { ATTR, ENV, METRIC } from '../../conventions/index.ts';
import { type InstrumentRegistry, instruments } from '../../telemetry/instruments/registry.ts';
import { intervalOf } from '../interval.ts';
import { Published } from '../published.ts';
import { Keeper } from './keeper.ts';
import { gpuMayBePresent } from './presence.ts';
import { GpuPublisher, hrTimeOf } from './publish.ts';
import type { GpuIdentity, GpuSample } from './sample.ts';
import type { SamplerMessage, TroubleReason } from './sampler-message.ts';
import type { SamplerSettings } from './sampler-settings.ts';
import { assignedDevices } from './visible-devices.ts';
import { SampleDecoder, type SampleDelta } from './wire.ts';

export const GPU_SCOPE = 'llm-otel.gpu';

/** Intervals between two looks whether samples come. */
const LOOK_EVERY = 3;
/** Looks without a sample in between after which readings are taken off: the keeper has not even said that it stalls. */
const PATIENCE = 2;
/** NVML's own window is up to a second: more often shows nothing more. */
const SHORTEST = 200;
const SLOW_MS = 30_000;

export interface GpuObserverOptions {
  /** Time between two samples: `1s` or milliseconds, at least 200 ms. Default 1 s. */
  interval?: string | number;
  /** Time between two readings of what changes slowly: errors, fans, counters of links. Default 30 s. */
  slowInterval?: string | number;
  /** Memory by process (`process.gpu.memory.usage`). Default false: the process ids are the machine's, also in a container. */
  processes?: boolean;
  /** Default this process's instruments. */
  registry?: InstrumentRegistry;
  /** Where CUDA_VISIBLE_DEVICES and the like are read, and what the sampler gets. Default process.env. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Default `/sys`. */
  sys?: string;
  /** Default `nvidia-smi` on PATH. */
  smi?: string;
  /** Time that a driver call may hang before its process is ended. Default 60 s. */
  hangMs?: number;
  /** First pause before a sampler that ended is started anew. Default 5 s, growing to 5 min. */
  restartMs?: number;
}

export interface GpuObserver {
  /** The last sample; undefined before the first, and while there are no readings. */
  latest(): GpuSample | undefined;
  /** Resolves at the first sample, or with undefined when there is nothing to observe. */
  first: Promise<GpuSample | undefined>;
  stop(): void;
}

/**
 * Observes the GPUs from a process of its own and publishes `hw.*`. On a machine without a GPU nothing is started.
 * Call it before a model is loaded: a fork stalls a large process.
 *
 * @throws TypeError for an interval that cannot be read.
 */
export function startGpuObserver(options: GpuObserverOptions = {}): GpuObserver {
  const interval = intervalOf('gpu.interval', options.interval, 1000, SHORTEST);
  const env = options.env ?? process.env;
  if (!gpuMayBePresent({ env, ...(options.sys !== undefined && { sys: options.sys }) })) {
    return { latest: () => undefined, first: Promise.resolve(undefined), stop() {} };
  }
  return new RunningGpuObserver(interval, options, env);
}

class RunningGpuObserver implements GpuObserver {
  readonly first: Promise<GpuSample | undefined>;
  readonly #published: Published;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #publisher: GpuPublisher;
  readonly #decoder = new SampleDecoder();
  readonly #xids = new Map<string, Map<number, number>>();
  readonly #keeper: Keeper;
  readonly #watch: NodeJS.Timeout;
  readonly #told = new Set<string>();
  #resolveFirst: (sample: GpuSample | undefined) => void = () => {};
  #latest: GpuSample | undefined;
  #assigned: ReadonlyMap<string, boolean> = new Map();
  #assignedOf = '';
  #missed = 0;
  #up: boolean | undefined;
  #stopped = false;

  constructor(
    interval: number,
    options: GpuObserverOptions,
    env: Readonly<Record<string, string | undefined>>,
  ) {
    this.first = new Promise((resolve) => (this.#resolveFirst = resolve));
    this.#published = new Published(options.registry ?? instruments, GPU_SCOPE);
    const now = Date.now();
    this.#publisher = new GpuPublisher(this.#published, {
      machine: hrTimeOf(now - uptime() * 1000),
      observer: hrTimeOf(now),
    });
    this.#env = env;
    this.#keeper = new Keeper(settingsOf(interval, options, env), env, {
      message: (message) => this.#onMessage(message),
      ended: (why) => this.#onEnd(why),
    });
    // Counts turns of this loop, not time: a program that never yields delays the samples, which are not lost.
    this.#watch = setInterval(() => {
      if (++this.#missed > PATIENCE && this.#up === true) this.#down('stalled', 'no sample came');
    }, LOOK_EVERY * interval);
    this.#watch.unref();
  }

  latest(): GpuSample | undefined {
    return this.#latest;
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearInterval(this.#watch);
    this.#published.clear();
    this.#latest = undefined;
    this.#resolveFirst(undefined);
    this.#keeper.stop();
  }

  #onMessage(message: SamplerMessage): void {
    if (this.#stopped) return;
    switch (message.type) {
      case 'sample':
        this.#onDelta(message.delta, message.time);
        break;
      case 'trouble':
        this.#down(message.reason, message.why);
        break;
      case 'absent':
        diag.info(`llm-otel: ${message.why}`);
        this.stop();
        break;
      case 'log':
        diag.warn(`llm-otel: ${message.message}`);
    }
  }

  #onDelta(delta: SampleDelta, time: number): void {
    const sample = this.#decoder.decode(delta);
    if (sample) this.#onSample(sample, time);
  }

  #onSample(sample: GpuSample, time: number): void {
    this.#missed = 0;
    if (this.#up === false) diag.info('llm-otel: GPU readings are back');
    this.#up = true;
    this.#told.clear();
    this.#latest = sample;
    this.#assign(sample.devices.map(({ identity }) => identity));
    for (const { identity, xids = [] } of sample.devices) {
      for (const xid of xids) {
        const counts = this.#xids.get(identity.id) ?? new Map<number, number>();
        counts.set(xid, (counts.get(xid) ?? 0) + 1);
        this.#xids.set(identity.id, counts);
      }
    }
    this.#publisher.publish(sample, { time, xids: this.#xids, assigned: this.#assigned });
    this.#resolveFirst(sample);
  }

  /** Again only when other devices are there. */
  #assign(devices: readonly GpuIdentity[]): void {
    const key = devices.map(({ id }) => id).join();
    if (key === this.#assignedOf) return;
    this.#assignedOf = key;
    this.#assigned = assignedDevices(devices, this.#env);
  }

  /** Every reading is taken off; what is left says that there are none, and why. */
  #down(reason: TroubleReason, why: string): void {
    this.#up = false;
    this.#latest = undefined;
    this.#published.begin();
    const attributes = { [ATTR.observerName]: 'gpu', [ATTR.droppedReason]: reason };
    this.#published.set(METRIC.observerUp, reason, 0, () => attributes);
    this.#published.end();
    if (this.#told.has(reason)) return;
    this.#told.add(reason);
    diag.warn(`llm-otel: no GPU readings for now: ${why}`);
  }

  #onEnd(why: string): void {
    if (this.#stopped) return;
    this.#down('crashed', `the process that reads the GPUs ended: ${why}`);
    this.#resolveFirst(undefined);
  }
}

function settingsOf(
  intervalMs: number,
  options: GpuObserverOptions,
  env: Readonly<Record<string, string | undefined>>,
): SamplerSettings {
  return {
    intervalMs,
    slowEvery: Math.max(
      1,
      Math.round(intervalOf('gpu.slowInterval', options.slowInterval, SLOW_MS, SHORTEST) / intervalMs),
    ),
    processes: options.processes ?? false,
    nvmlLibrary: env[ENV.gpuLibrary.name] ?? '',
    sys: options.sys ?? '/sys',
    smi: options.smi ?? 'nvidia-smi',
    hangMs: options.hangMs ?? 60_000,
    restartMs: options.restartMs ?? 5000,
  };
}
