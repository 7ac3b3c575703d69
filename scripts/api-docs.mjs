/** Writes the API documentation of the public entries to `docs/api/` (not committed). */
import { spawnSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const entries = [
  'index',
  'training/index',
  'serving/index',
  'trackers/index',
  'hub/index',
  'conventions/index',
];
const { status } = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules', 'typedoc', 'bin', 'typedoc'),
    ...entries.flatMap((entry) => ['--entryPoints', `src/${entry}.ts`]),
    '--tsconfig',
    'tsconfig.json',
    '--out',
    'docs/api',
    '--readme',
    'README.md',
    '--excludePrivate',
    '--excludeInternal',
    '--treatWarningsAsErrors',
    'false',
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit' },
);
process.exitCode = status ?? 1;
