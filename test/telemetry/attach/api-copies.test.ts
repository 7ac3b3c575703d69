import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findProblems } from '../../../src/telemetry/attach/api-copies.ts';
import { inspectApiCopies } from '../../../src/telemetry/index.ts';

let root: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'llm-otel-copies-')));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Puts a copy of the API of that version into a node_modules folder below `root`. */
function install(version: string, ...folders: string[]): string {
  const folder = join(root, ...folders, 'node_modules', '@opentelemetry', 'api');
  mkdirSync(join(folder, 'build', 'src'), { recursive: true });
  writeFileSync(join(folder, 'build', 'src', 'index.js'), '');
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: '@opentelemetry/api', version, main: 'build/src/index.js' }),
  );
  return folder;
}

describe('inspectApiCopies', () => {
  it('finds the copy that llm-otel uses, as loaded', () => {
    const { ownVersion, copies } = inspectApiCopies({ directories: [root] });
    expect(ownVersion).toMatch(/^1\.9\./);
    expect(copies).toEqual([{ path: expect.any(String) as string, version: ownVersion, loaded: true }]);
  });

  it('finds the copy that a program in a directory would load', () => {
    const path = install('1.10.0');
    const { copies, problems } = inspectApiCopies({ directories: [root] });
    expect(copies).toContainEqual({ path, version: '1.10.0', loaded: false });
    expect(problems.join()).toContain('npm ls @opentelemetry/api');
    expect(problems.join()).toContain(path);
  });

  it('finds copies nested below other packages when it looks deep, and only then', () => {
    const path = install('1.10.0', 'node_modules', '@scope', 'vendor');
    expect(inspectApiCopies({ directories: [root] }).problems).toEqual([]);
    expect(inspectApiCopies({ directories: [root], deep: true }).copies).toContainEqual({
      path,
      version: '1.10.0',
      loaded: false,
    });
  });

  it('counts a copy once, from wherever it is found', () => {
    install('1.9.0');
    const { copies } = inspectApiCopies({
      directories: [root, join(root, 'node_modules'), root],
      deep: true,
    });
    expect(copies.filter(({ path }) => path.startsWith(root))).toHaveLength(1);
  });
});

describe('what follows from copies', () => {
  const copy = (version: string) => ({ path: `/x/${version}`, version, loaded: true });

  it('is nothing for copies of one version, or an older minor', () => {
    expect(findProblems('1.9.1', '1.9.1', [copy('1.9.1'), { ...copy('1.9.1'), path: '/y' }])).toEqual([]);
    expect(findProblems('1.9.1', undefined, [copy('1.9.1'), copy('1.8.0')])).toEqual([]);
  });

  it('is that a newer copy gets an API that does nothing', () => {
    const [problem] = findProblems('1.9.1', '1.9.1', [copy('1.9.1'), copy('1.10.0')]);
    expect(problem).toContain('use 1.10.0 do not see the SDK that was registered with 1.9.1');
    expect(problem).toContain('silently lost');
    expect(problem).toContain('npm dedupe');
  });

  it('is that llm-otel cannot register when another version came first', () => {
    expect(findProblems('1.9.1', '1.10.0', [copy('1.9.1')]).join()).toContain('cannot register its own SDK');
    expect(findProblems('1.9.1', '1.8.0', [copy('1.9.1')]).join()).toContain('do not reach the one');
  });
});
