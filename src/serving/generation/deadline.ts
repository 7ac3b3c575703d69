import { diag } from '@opentelemetry/api';

/** Something under way that must be closed when nobody ends it. */
export interface Abandonable {
  /** `performance.now()` after which it counts as abandoned. */
  readonly deadline: number;
  /** `type`: `error.type` when it is not the deadline. */
  abandon(type?: string): void;
}

/**
 * Everything that is under way, in the order of its start, and one timer for all. A timer for each request would
 * cost more than the rest of the recorder. The timer never keeps the process alive.
 */
export class DeadlineWatch {
  readonly #live = new Set<Abandonable>();
  #timer: NodeJS.Timeout | undefined;

  get size(): number {
    return this.#live.size;
  }

  add(item: Abandonable): void {
    this.#live.add(item);
    if (this.#timer === undefined) this.#arm(item.deadline - performance.now());
  }

  /** The timer stays: it finds the next item when it fires, so that ending costs no timer call. */
  delete(item: Abandonable): void {
    this.#live.delete(item);
  }

  /** Closes all that is due. Public for tests and for the end of the process. */
  sweep(now = performance.now()): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    let next = Infinity;
    for (const item of this.#live) {
      // The set is in order of start, but a changed LLM_OTEL_MAX_GENERATION can put a later deadline first.
      if (item.deadline > now) {
        if (item.deadline < next) next = item.deadline;
        continue;
      }
      this.#live.delete(item);
      close(item, undefined);
    }
    if (next < Infinity) this.#arm(next - now);
  }

  /** Closes all that is under way, due or not: the process ends. */
  closeAll(type: string): void {
    for (const item of this.#live) {
      this.#live.delete(item);
      close(item, type);
    }
  }

  #arm(delay: number): void {
    // setTimeout takes 31 bits; a longer deadline is looked at again when that has passed.
    const bounded = Math.min(Math.max(1, Math.ceil(delay)), 0x7fff_ffff);
    this.#timer = setTimeout(() => this.sweep(), bounded);
    this.#timer.unref();
  }
}

function close(item: Abandonable, type: string | undefined): void {
  try {
    item.abandon(type);
  } catch (error) {
    diag.error(`llm-otel: closing a generation that nobody ended failed: ${String(error)}`);
  }
}
