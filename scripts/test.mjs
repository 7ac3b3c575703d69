/**
 * Runs everything that can run: the tests of `test/`, then those of `test/real/` against the real counterparts that
 * are found, and ends with one line that counts them.
 *
 *   npm test [-- PATH ...]      with paths: only those tests, passed to vitest as they are
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** Runs vitest with a configuration; gives what its JSON report says, or undefined when it did not get that far. */
export function runVitest(config, args) {
  const folder = mkdtempSync(join(tmpdir(), 'llm-otel-test-'));
  const report = join(folder, 'report.json');
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  spawnSync(
    process.execPath,
    [
      vitest,
      'run',
      '--config',
      config,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...args,
    ],
    { cwd: root, stdio: 'inherit' },
  );
  try {
    return JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Counts a report truly: a file that could not be loaded is a failure too, although none of its tests ran. */
export function countReport(report) {
  if (!report) return { passed: 0, failed: 1, skipped: 0 };
  const unloaded = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  ).length;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloaded,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** One line a real counterpart: passed, failed, or skipped; under CI a skip is a failure. */
export function realLines(report, ci) {
  return report.testResults.map((file) => {
    const name = basename(file.name, '.test.ts');
    const tests = file.assertionResults;
    const count = (status) => tests.filter((test) => test.status === status).length;
    const skipped = tests.length - count('passed') - count('failed');
    if (file.status === 'failed')
      return { name, state: 'failed', line: `real ${name}: failed (${count('failed')} of ${tests.length})` };
    if (skipped > 0) {
      return {
        name,
        state: ci ? 'failed' : 'skipped',
        line: `real ${name}: skipped ${skipped} of ${tests.length}; the reason stands above ("skipped:"); npm run real:install brings what can be had${ci ? '; under CI=true a skip is a failure' : ''}`,
      };
    }
    return { name, state: 'passed', line: `real ${name}: passed (${count('passed')})` };
  });
}

export function total(counts) {
  return counts.reduce(
    (sum, c) => ({
      passed: sum.passed + c.passed,
      failed: sum.failed + c.failed,
      skipped: sum.skipped + c.skipped,
    }),
    { passed: 0, failed: 0, skipped: 0 },
  );
}

function main() {
  const args = process.argv.slice(2);
  const ci = process.env.CI === 'true';
  const named = args.filter((arg) => !arg.startsWith('-'));
  const wantsReal = named.length === 0 || named.some((path) => path.includes('real'));
  const wantsRest = named.length === 0 || named.some((path) => !path.includes('real'));
  const counts = [];
  const lines = [];
  if (wantsRest) counts.push(countReport(runVitest('vitest.config.ts', args)));
  if (wantsReal) {
    const report = runVitest('vitest.real.config.ts', args);
    const count = countReport(report);
    const real = report ? realLines(report, ci) : [];
    lines.push(...real.map(({ line }) => line));
    if (ci && count.skipped > 0) counts.push({ ...count, failed: count.failed + count.skipped, skipped: 0 });
    else counts.push(count);
  }
  const { passed, failed, skipped } = total(counts);
  for (const line of lines) process.stdout.write(`${line}\n`);
  process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  if (failed > 0 || passed === 0) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
