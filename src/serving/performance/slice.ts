import type { Outcome } from '../../conventions/index.ts';
import type { FinishedGeneration } from '../generation/finished.ts';
import { LogHistogram } from './log-histogram.ts';

/** Distinct models and error types that a slice keeps apart: the window's memory is bounded. */
const MAX_NAMES = 50;

/** What ended in a stretch of time. Durations in seconds. */
export class Slice {
  readonly requests: Record<Outcome, number> = { completed: 0, length: 0, error: 0, aborted: 0 };
  readonly tokens = { input: 0, output: 0, cached: 0, reasoning: 0 };
  readonly duration = new LogHistogram();
  readonly ttft = new LogHistogram();
  readonly tpot = new LogHistogram();
  readonly queue = new LogHistogram();
  readonly errorTypes = new Map<string, number>();
  readonly models = new Set<string>();
  objectivesMet = 0;
  objectivesMissed = 0;
  /** What the GPUs used, as far as it is known. */
  joules = 0;

  get total(): number {
    const { completed, length, error, aborted } = this.requests;
    return completed + length + error + aborted;
  }

  /** `met`: whether every objective was met; undefined when it says nothing about them. */
  add(generation: FinishedGeneration, met: boolean | undefined): void {
    this.requests[generation.outcome]++;
    this.tokens.input += generation.inputTokens;
    this.tokens.output += generation.outputTokens;
    this.tokens.cached += generation.cachedTokens;
    this.tokens.reasoning += generation.reasoningTokens;
    this.duration.record(generation.duration / 1000);
    if (generation.timeToFirstToken !== undefined) this.ttft.record(generation.timeToFirstToken / 1000);
    if (generation.timePerOutputToken !== undefined) this.tpot.record(generation.timePerOutputToken / 1000);
    if (generation.queueTime !== undefined) this.queue.record(generation.queueTime / 1000);
    if (generation.errorType !== undefined) count(this.errorTypes, generation.errorType, 1);
    if (this.models.size < MAX_NAMES) this.models.add(generation.model);
    if (met === true) this.objectivesMet++;
    else if (met === false) this.objectivesMissed++;
  }

  merge(other: Slice): void {
    for (const outcome of Object.keys(this.requests) as Outcome[])
      this.requests[outcome] += other.requests[outcome];
    for (const type of Object.keys(this.tokens) as (keyof Slice['tokens'])[])
      this.tokens[type] += other.tokens[type];
    this.duration.merge(other.duration);
    this.ttft.merge(other.ttft);
    this.tpot.merge(other.tpot);
    this.queue.merge(other.queue);
    for (const [type, number] of other.errorTypes) count(this.errorTypes, type, number);
    for (const model of other.models) if (this.models.size < MAX_NAMES) this.models.add(model);
    this.objectivesMet += other.objectivesMet;
    this.objectivesMissed += other.objectivesMissed;
  }
}

function count(counts: Map<string, number>, name: string, number: number): void {
  const key = counts.has(name) || counts.size < MAX_NAMES ? name : '_OTHER';
  counts.set(key, (counts.get(key) ?? 0) + number);
}
