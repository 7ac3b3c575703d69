import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { SinkRefused, SinkUnauthorized, SinkUnavailable } from '../sink-errors.ts';

export type CallOutcome =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly kind: 'unavailable' | 'refused' | 'unauthorized' | 'aborted';
      readonly message: string;
      readonly retryAfterMs?: number;
      readonly timedOut?: boolean;
      /** The tracker answered that it failed on this request. */
      readonly failedOnRequest?: boolean;
    };

/**
 * Calls a sink: never rejects, ends after `timeoutMs` whatever the sink does, and makes no spans (a tracker's own
 * requests are no part of the program's traces).
 */
export async function callSink(
  call: (signal: AbortSignal) => Promise<void>,
  timeoutMs: number,
  stop: AbortSignal,
): Promise<CallOutcome> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let onStop: (() => void) | undefined;
  const ended = new Promise<CallOutcome>((resolve) => {
    timer = setTimeout(() => {
      resolve({
        ok: false,
        kind: 'unavailable',
        message: `no answer within ${timeoutMs / 1000} s`,
        timedOut: true,
      });
    }, timeoutMs);
    timer.unref();
    onStop = () => resolve({ ok: false, kind: 'aborted', message: 'stopped' });
    if (stop.aborted) onStop();
    else stop.addEventListener('abort', onStop, { once: true });
  });
  try {
    const work = context.with(suppressTracing(ROOT_CONTEXT), async (): Promise<CallOutcome> => {
      try {
        await call(controller.signal);
        return { ok: true };
      } catch (error) {
        return outcomeOf(error);
      }
    });
    return await Promise.race([work, ended]);
  } finally {
    clearTimeout(timer);
    if (onStop) stop.removeEventListener('abort', onStop);
    // whatever lost the race must not go on
    controller.abort();
  }
}

function outcomeOf(error: unknown): CallOutcome {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof SinkRefused) return { ok: false, kind: 'refused', message };
  if (error instanceof SinkUnauthorized) return { ok: false, kind: 'unauthorized', message };
  if (!(error instanceof SinkUnavailable)) return { ok: false, kind: 'unavailable', message };
  const { retryAfterMs, failedOnRequest } = error;
  return {
    ok: false,
    kind: 'unavailable',
    message,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(failedOnRequest ? { failedOnRequest } : {}),
  };
}
