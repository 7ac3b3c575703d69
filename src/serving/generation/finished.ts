import { diag } from '@opentelemetry/api';
import type { Outcome } from '../../conventions/index.ts';

/** A generation that has ended, as readers in the same process (a performance window) see it. Times are milliseconds. */
export interface FinishedGeneration {
  readonly model: string;
  readonly operation: string;
  readonly route: string | undefined;
  readonly outcome: Outcome;
  /** Set for errors. */
  readonly errorType: string | undefined;
  /** `performance.now()`. */
  readonly endTime: number;
  readonly duration: number;
  /** Undefined unless the generation was successful and a first token was seen. */
  readonly timeToFirstToken: number | undefined;
  readonly timePerOutputToken: number | undefined;
  readonly queueTime: number | undefined;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedTokens: number;
  readonly reasoningTokens: number;
  /** First token seen, also of generations that failed or were given up. */
  readonly firstTokenAfter: number | undefined;
}

export type FinishedListener = (generation: FinishedGeneration) => void;

const listeners = new Set<FinishedListener>();

/** Calls `listener` synchronously after each generation has ended. What it throws is logged. Returns the way to stop. */
export function onGenerationEnd(listener: FinishedListener): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

export function hasFinishedListeners(): boolean {
  return listeners.size > 0;
}

export function publishFinished(generation: FinishedGeneration): void {
  for (const listener of listeners) {
    try {
      listener(generation);
    } catch (error) {
      diag.warn(`llm-otel: a reader of finished generations failed: ${String(error)}`);
    }
  }
}
