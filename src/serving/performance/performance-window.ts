import { diag } from '@opentelemetry/api';
import type { Distribution, PerformanceSummary } from '../../conventions/index.ts';
import { type InstrumentRegistry, instruments } from '../../telemetry/instruments/registry.ts';
import { type FinishedGeneration, onGenerationEnd } from '../generation/finished.ts';
import { meetsObjectives } from '../generation/objectives.ts';
import { objectivesOf, type ServingOptions, servingSettings } from '../generation/settings.ts';
import { highestValue, presentValue } from './host-value.ts';
import type { LogHistogram } from './log-histogram.ts';
import { Slice } from './slice.ts';
import { SlidingSlices } from './sliding-slices.ts';
import { type PerformanceThresholds, type ThresholdCrossed, ThresholdWatch } from './thresholds.ts';
import { EnergyWatch, type WindowEnergy } from './window-energy.ts';

const GPU_MEMORY_UTILIZATION = 'hw.gpu.memory.utilization';

export interface PerformanceWindowOptions {
  /** Length of the window. Default 5. */
  minutes?: number;
  /** Objectives for goodput; default those of `configureServing` or LLM_OTEL_SLO_*. */
  slo?: ServingOptions['slo'];
  /** What `onThreshold` is called for. */
  thresholds?: PerformanceThresholds;
  /**
   * Called when a threshold is crossed: for each slow generation (rate-limited), and when a rate enters or leaves its
   * bad range. Called later, never within a reply; what it throws or rejects with is logged.
   */
  onThreshold?: (crossed: ThresholdCrossed) => void | Promise<void>;
  /** Milliseconds: `now` monotonic, `wallTime` since 1970. Default the system's. */
  clock?: { now(): number; wallTime(): number };
  /** Where CPU and memory are looked up. Default this process's instruments. */
  registry?: InstrumentRegistry;
}

export interface WindowSummary extends PerformanceSummary {
  /** Null where no GPU observer runs in this process, or no GPU tells its energy. */
  energy: WindowEnergy | null;
}

export interface PerformanceWindow {
  /** What happened in the window that ends now: the hub's summary, and the energy of this process's GPUs. */
  summary(): WindowSummary;
  stop(): void;
  [Symbol.dispose](): void;
}

/**
 * Keeps the last minutes of this process's generations in bounded memory (60 slices of log-spaced histograms, at most
 * some MB), for programs that run without a hub. Percentiles are by nearest rank and off by 0.5 % at most; the window
 * moves on in steps of a sixtieth of its length. CPU and memory are the present values of the observers of this
 * process, and energy is what they saw in the window, when they run.
 *
 * @throws TypeError for options that cannot be read.
 * @example
 * const window = performanceWindow({
 *   thresholds: { timeToFirstToken: '2s', errorRate: 0.05 },
 *   onThreshold: (crossed) => logger.warn(crossed),
 * });
 * app.get('/stats', (request, response) => response.json(window.summary()));
 */
export function performanceWindow(options: PerformanceWindowOptions = {}): PerformanceWindow {
  const { minutes = 5, onThreshold, registry = instruments } = options;
  if (!Number.isFinite(minutes) || minutes <= 0)
    throw new TypeError(`minutes: expected a number above 0, got ${minutes}`);
  const clock = options.clock ?? { now: () => performance.now(), wallTime: () => Date.now() };
  const ownObjectives = options.slo === undefined ? undefined : { value: objectivesOf(options.slo) };
  const objectives = () => (ownObjectives ? ownObjectives.value : servingSettings().objectives);
  const watch = options.thresholds && onThreshold ? new ThresholdWatch(options.thresholds) : undefined;
  const slices = new SlidingSlices(minutes * 60_000);
  const startedAt = clock.now();
  const energy = new EnergyWatch(slices, registry, startedAt);

  /** Seconds of the window in which it was watching. */
  const coverage = (now: number): number => (now - Math.max(startedAt, slices.start(now))) / 1000;

  const report = (crossed: ThresholdCrossed): void => {
    queueMicrotask(() => {
      void (async () => onThreshold?.(crossed))().catch((error: unknown) => {
        diag.warn(`llm-otel: the handler of a performance window failed: ${String(error)}`);
      });
    });
  };
  const checkRates = (): void => {
    if (!watch?.watchesRates) return;
    const now = clock.now();
    let requests = 0;
    let errors = 0;
    let tokens = 0;
    for (const slice of slices.last(now)) {
      requests += slice.total;
      errors += slice.requests.error;
      tokens += slice.tokens.output;
    }
    const seconds = coverage(now);
    const rates = {
      requests,
      errorRate: requests > 0 ? errors / requests : 0,
      tokensPerSecond: seconds > 0 ? tokens / seconds : 0,
    };
    for (const crossed of watch.crossed(rates)) report(crossed);
  };
  const unsubscribe = onGenerationEnd((generation: FinishedGeneration) => {
    const now = clock.now();
    const wanted = objectives();
    slices.at(now).add(generation, wanted && meetsObjectives(wanted, generation));
    if (!watch) return;
    for (const crossed of watch.slow(generation, now)) report(crossed);
    checkRates();
  });
  const timer = setInterval(() => {
    energy.look(clock.now());
    // Without traffic, rates leave their bad range as time goes by.
    checkRates();
  }, slices.sliceLength);
  timer.unref();

  const stop = (): void => {
    unsubscribe();
    clearInterval(timer);
  };
  return {
    summary() {
      const now = clock.now();
      const all = new Slice();
      for (const slice of slices.last(now)) all.merge(slice);
      const seconds = coverage(now);
      const to = clock.wallTime();
      const judged = all.objectivesMet + all.objectivesMissed;
      const perSecond = (count: number): number | null => (seconds > 0 ? count / seconds : null);
      return {
        from: to - seconds * 1000,
        to,
        coverage: seconds,
        requests: { total: all.total, ...all.requests },
        requestThroughput: perSecond(all.total),
        errorRate: all.total > 0 ? all.requests.error / all.total : null,
        errorTypes: Object.fromEntries(all.errorTypes),
        duration: distribution(all.duration),
        ttft: distribution(all.ttft),
        tpot: distribution(all.tpot),
        queue: distribution(all.queue),
        tokens: { ...all.tokens },
        outputTokensPerSecond: perSecond(all.tokens.output),
        goodput:
          objectives() && judged > 0 && seconds > 0
            ? { requestsPerSecond: all.objectivesMet / seconds, ratio: all.objectivesMet / judged }
            : null,
        cpuPercent: presentValue(registry, 'system/cpu_percent'),
        memoryPercent: presentValue(registry, 'system/memory_percent'),
        gpuMemoryUtilization: highestValue(registry, GPU_MEMORY_UTILIZATION),
        energy: energy.of(now),
        models: [...all.models],
      };
    },
    stop,
    [Symbol.dispose]: stop,
  };
}

function distribution(histogram: LogHistogram): Distribution {
  const [p50 = null, p95 = null, p99 = null] = histogram.quantiles([0.5, 0.95, 0.99]);
  const { count } = histogram;
  return { count, mean: count > 0 ? histogram.sum / count : null, p50, p95, p99 };
}
