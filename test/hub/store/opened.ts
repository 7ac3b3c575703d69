import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { openSqliteStore } from '../../../src/hub/store/open.ts';
import type { SqliteStore } from '../../../src/hub/store/sqlite-store.ts';
import type { StoreOptions } from '../../../src/hub/store/index.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** A directory that goes away after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'llm-otel-store-'));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A store that is closed after the test; waits for no disk. */
export function opened(options: Partial<StoreOptions> = {}): SqliteStore {
  const store = openSqliteStore({
    dataDir: options.dataDir ?? temporaryDirectory(),
    durability: 'process',
    ...options,
  });
  cleanups.push(() => store.close());
  return store;
}
