/** Runs the tests against real counterparts: `npm run test:real -- NAME ...` (all without a name). */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { countReport, realLines, runVitest } from './test.mjs';

const folder = join(resolve(dirname(fileURLToPath(import.meta.url)), '..'), 'test', 'real');
const names = process.argv.slice(2);
const unknown = names.filter((name) => !existsSync(join(folder, `${name}.test.ts`)));
if (unknown.length > 0) {
  const known = readdirSync(folder)
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => file.replace('.test.ts', ''));
  process.stderr.write(`no real test named ${unknown.join(', ')}; there are: ${known.join(', ')}\n`);
  process.exit(2);
}
const report = runVitest(
  'vitest.real.config.ts',
  names.map((name) => `test/real/${name}.test.ts`),
);
const { passed, failed, skipped } = countReport(report);
const ci = process.env.CI === 'true';
for (const { line } of report ? realLines(report, ci) : []) process.stdout.write(`${line}\n`);
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
if (failed > 0 || passed === 0 || (ci && skipped > 0)) process.exitCode = 1;
