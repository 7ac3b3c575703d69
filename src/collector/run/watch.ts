import { readExposition } from './exposition.ts';
import { type CollectorReading, readCollector } from './reading.ts';

/** @returns whether the health check answers 200 */
export async function isReady(url: string, request: typeof fetch = fetch): Promise<boolean> {
  try {
    const response = await request(url, { signal: AbortSignal.timeout(2000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Reads the Collector's own metrics; undefined when it does not answer. */
export async function readMetrics(
  url: string,
  request: typeof fetch = fetch,
): Promise<CollectorReading | undefined> {
  try {
    const response = await request(url, { signal: AbortSignal.timeout(5000) });
    if (!response.ok) {
      await response.body?.cancel();
      return undefined;
    }
    return readCollector(readExposition(await response.text()));
  } catch {
    return undefined;
  }
}
