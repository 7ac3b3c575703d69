import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openSqliteStore } from '../../../src/hub/store/open.ts';
import { temporaryDirectory } from './opened.ts';

const CHILD = fileURLToPath(new URL('./full-disk-child.ts', import.meta.url));

test.skipIf(process.platform === 'win32')(
  'a disk that takes no more makes append fail as retryable; what was acknowledged is there afterwards',
  async () => {
    const dataDir = temporaryDirectory();
    // No file beyond 1,200 blocks of 1,024 bytes: first the journal meets it, after sealings the database too.
    const output = await new Promise<string>((resolve) => {
      execFile(
        'bash',
        ['-c', 'ulimit -f 1200 && exec "$0" "$@"', process.execPath, CHILD, dataDir, '400'],
        { maxBuffer: 1e8 },
        (_, stdout) => resolve(stdout),
      );
    });
    const { acknowledged, retryable } = JSON.parse(output) as {
      acknowledged: number[];
      retryable: unknown[];
    };
    expect(retryable.length).toBeGreaterThan(0);
    expect(new Set(retryable)).toEqual(new Set([true]));
    const store = openSqliteStore({ dataDir });
    try {
      const [series] = await store.points({
        name: 'm',
        where: { s: '0' },
        from: 0,
        to: Infinity,
        maxPoints: 0,
      });
      const stored = new Set(series!.value);
      expect(stored.size).toBe(series!.total);
      expect(acknowledged.filter((n) => !stored.has(n))).toEqual([]);
    } finally {
      await store.close();
    }
  },
);
