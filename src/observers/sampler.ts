import { diag } from '@opentelemetry/api';

export interface SamplerOptions {
  /** For messages. */
  readonly name: string;
  /** Milliseconds between two samples. */
  readonly interval: number;
  /** Milliseconds to the first one after the one at the start; default `interval`. */
  readonly firstAfter?: number;
  /** Takes a sample, synchronously. What it throws is logged once for each message; the next one is taken all the same. */
  readonly sample: () => void;
}

/** Takes samples at an interval of its own, whoever reads them. It never keeps the process alive. */
export class Sampler {
  readonly #options: SamplerOptions;
  readonly #reported = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SamplerOptions) {
    this.#options = options;
  }

  /** Takes the first sample at once. */
  start(): void {
    this.#take();
    const { interval, firstAfter = interval } = this.#options;
    this.#timer = setTimeout(() => {
      this.#take();
      this.#timer = setInterval(() => this.#take(), interval);
      this.#timer.unref();
    }, firstAfter);
    this.#timer.unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #take(): void {
    try {
      this.#options.sample();
    } catch (error) {
      const message = String(error);
      if (this.#reported.has(message) || this.#reported.size >= 10) return;
      this.#reported.add(message);
      diag.warn(`llm-otel: a sample of ${this.#options.name} failed: ${message}`);
    }
  }
}
