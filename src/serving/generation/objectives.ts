import type { Outcome } from '../../conventions/index.ts';
import type { ServiceObjectives } from './settings.ts';

/** What an objective is held against; milliseconds, undefined when not known. */
export interface MeasuredTimes {
  readonly outcome: Outcome;
  readonly duration: number;
  readonly timeToFirstToken: number | undefined;
  readonly timePerOutputToken: number | undefined;
}

/**
 * Whether a request met every configured objective; undefined when it says nothing about them.
 * - An objective that a request has no value for (the first token of a reply that was not streamed, the time per
 *   token of a reply of one token) is not held against it, as `vllm bench serve` does.
 * - An error never meets them.
 * - A request that the client gave up counts against them only when one had been missed by then: the client may
 *   have left because of it. Otherwise it is left out.
 */
export function meetsObjectives(objectives: ServiceObjectives, times: MeasuredTimes): boolean | undefined {
  if (times.outcome === 'error') return false;
  const missed =
    above(times.duration, objectives.requestDuration) ||
    above(times.timeToFirstToken, objectives.timeToFirstToken) ||
    above(times.timePerOutputToken, objectives.timePerOutputToken);
  if (times.outcome !== 'aborted') return !missed;
  const waitedTooLong =
    times.timeToFirstToken === undefined && above(times.duration, objectives.timeToFirstToken);
  return missed || waitedTooLong ? false : undefined;
}

function above(value: number | undefined, objective: number | undefined): boolean {
  return value !== undefined && objective !== undefined && value > objective;
}
