import { ATTR } from '../../conventions/index.ts';
import { SYSTEM_ENTRIES } from '../../trackers/index.ts';
import { evaluate } from '../query/evaluate.ts';
import { type Reading, shared, text } from '../query/reading.ts';

const INDEX = '{index}';
/** Metrics are exported every 10 s by default: two exports and some delay. */
const WINDOW_MS = 30_000;

/**
 * What the machine of a run is doing now, by catalogue key: of what the hub has from that host. Empty where nothing
 * observes it.
 */
export async function hostSample(store: Reading, host: string, now: number): Promise<Record<string, number>> {
  const reading = shared(store);
  const window = { from: now - WINDOW_MS, to: now };
  const known = new Set((await reading.instruments()).map(({ name }) => name));
  const values: Record<string, number> = {};
  for (const { key, source } of SYSTEM_ENTRIES) {
    if (!known.has(source.metric)) continue;
    for (const index of key.includes(INDEX) ? await gpus(reading, source.metric, host, window) : ['']) {
      const where = Object.fromEntries(
        Object.entries(source.where ?? {}).map(([name, wanted]) => [name, wanted.replace(INDEX, index)]),
      );
      const { value, time } = await evaluate(
        { ...source, where: { ...where, [ATTR.hostName]: host } },
        reading,
        window,
      );
      if (value !== null && Number.isFinite(value) && time !== null && time >= window.from)
        values[key.replace(INDEX, index)] = value;
    }
  }
  return values;
}

async function gpus(
  reading: Reading,
  name: string,
  host: string,
  window: { from: number; to: number },
): Promise<string[]> {
  const series = await reading.points({ name, where: { [ATTR.hostName]: host }, ...window, maxPoints: 4 });
  const found = series.flatMap(({ attributes }) => {
    const index = attributes[ATTR.gpuIndex];
    return index === undefined || index === null ? [] : [text(index)];
  });
  return [...new Set(found)];
}
