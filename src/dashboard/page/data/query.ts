import { useEffect, useRef, useState } from 'preact/hooks';
import type { Range } from '../state/address.ts';
import { address, windowMs } from '../state/view.ts';
import type { TimeSpan } from './api.ts';
import { clockOffset, tick } from './hub.ts';

export interface Answer<T> {
  data: T | undefined;
  error: string | null;
  loading: boolean;
}

/** The time that is shown: the absolute range, or the window that ends now (by the hub's clock). */
export function timeSpan(): TimeSpan {
  const range: Range | null = address.peek().range;
  if (range !== null) return { from: range[0], to: range[1] };
  const to = Date.now() + clockOffset.peek();
  return { from: to - windowMs.peek(), to };
}

/** A week does not change in five seconds: at most 720 reads over a window, at least one a minute. */
const shortestPause = (): number => Math.min(60_000, windowMs.peek() / 720);

/**
 * Reads now, when `key` changes, and on updates of the hub (not more often than the window is wide, not while
 * paused). The last answer stays until the next is there.
 */
export function useQuery<T>(
  key: string,
  active: boolean,
  ask: (span: TimeSpan, signal: AbortSignal) => Promise<T>,
): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T>>({ data: undefined, error: null, loading: true });
  const last = useRef<{ key: string; at: number; abort?: AbortController }>({ key: '', at: 0 });
  const { window, range } = address.value;
  const whole = `${key} ${window} ${range?.join('~') ?? ''}`;
  const updates = tick.value;
  useEffect(() => {
    if (!active) return;
    const before = last.current;
    if (before.key === whole) {
      // Still being answered, or answered just now.
      if (before.abort !== undefined || range !== null || Date.now() - before.at < shortestPause()) return;
    }
    before.abort?.abort();
    const abort = new AbortController();
    const mine = { key: whole, at: Date.now(), abort };
    last.current = mine;
    const settle = async (): Promise<void> => {
      try {
        const data = await ask(timeSpan(), abort.signal);
        if (!abort.signal.aborted) setAnswer({ data, error: null, loading: false });
      } catch (error) {
        if (abort.signal.aborted) return;
        const message = error instanceof Error ? error.message : String(error);
        setAnswer((earlier) => ({ ...earlier, error: message, loading: false }));
      } finally {
        if (last.current === mine) last.current = { key: whole, at: mine.at };
      }
    };
    void settle();
  }, [whole, active, updates]);
  useEffect(() => () => last.current.abort?.abort(), []);
  return answer;
}
