import { findCollector } from '../../../src/collector/binary/find.ts';

/** Components of the shipped files that take part here. */
const NEEDED = [
  'receivers/otlp',
  'processors/memory_limiter',
  'processors/transform',
  'exporters/otlp_http',
  'exporters/file',
  'connectors/forward',
  'extensions/file_storage',
];

/** A real Collector that can run the shipped files (and has `more`), or why there is none. */
export async function realCollector(
  more: readonly string[] = [],
): Promise<{ binary: string } | { missing: string }> {
  try {
    const { found, passedOver } = await findCollector({ env: process.env, needed: [...NEEDED, ...more] });
    if (found) return { binary: found.path };
    const others = passedOver.map(({ path, reason }) => `; ${path}: ${reason}`).join('');
    return { missing: `no Collector ($OTELCOL, PATH, cache)${others}` };
  } catch (error) {
    return { missing: (error as Error).message };
  }
}
