import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { hubOptions } from '../../src/cli/hub.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

test('the page begins with what monitoring.yaml says', () => {
  const folder = mkdtempSync(join(tmpdir(), 'llm-otel-cli-'));
  folders.push(folder);
  const config = join(folder, 'monitoring.yaml');
  writeFileSync(
    config,
    'monitoring:\n  dashboard: {refresh_interval: 10, time_window: 6h, auto_refresh: false}\n',
  );
  expect(hubOptions({ config }, {}).dashboard).toEqual({
    refresh_interval: 10_000,
    time_window: 21_600_000,
    auto_refresh: false,
  });
});
