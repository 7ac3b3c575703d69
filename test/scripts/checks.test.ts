import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
// @ts-expect-error plain JavaScript without declarations
import { forbiddenImports } from '../../scripts/check-arrows.mjs';
// @ts-expect-error plain JavaScript without declarations
import { duplicateCopies } from '../../scripts/check-copies.mjs';

describe('the check of arrows between rooms', () => {
  let source: string;
  beforeEach(() => {
    source = join(mkdtempSync(join(tmpdir(), 'llm-otel-arrows-')), 'src');
  });
  afterEach(() => rmSync(join(source, '..'), { recursive: true }));
  const write = (path: string, text: string) => {
    mkdirSync(join(source, path, '..'), { recursive: true });
    writeFileSync(join(source, path), text);
  };

  it.each([
    ["import { startHub } from '../hub/index.ts';", 'static'],
    ["import type { Hub } from '../hub/index.ts';", 'type'],
    ["import {\n  startHub,\n} from '../hub/index.ts';", 'over several lines'],
    ["export * from '../hub/index.ts';", 'export'],
    ["const hub = await import('../hub/index.ts');", 'dynamic'],
    ["import '../hub/index.ts';", 'side effect'],
  ])('finds a recording room that imports the hub: %s', (text) => {
    write('serving/a.ts', text);
    expect(forbiddenImports(source)).toMatchObject([{ imports: '../hub/index.ts' }]);
  });

  it('lets a room import what the design allows, itself, and packages', () => {
    write(
      'training/journal/a.ts',
      "import { x } from '../../telemetry/index.ts';\nimport y from '../run.ts';\nimport z from 'node:fs';",
    );
    write('cli/main.ts', "import { startHub } from '../hub/index.ts';");
    expect(forbiddenImports(source)).toEqual([]);
  });

  it('finds an entry that would make an instrumented program carry the hub, and a room that the design does not have', () => {
    write('register.ts', "import { startHub } from './hub/index.ts';");
    write('helpers/a.ts', '');
    expect(forbiddenImports(source).map((f: { file: string }) => f.file)).toEqual([
      'src/helpers/a.ts',
      'src/register.ts',
    ]);
  });
});

describe('the check of copies', () => {
  it('finds a second copy in a nested folder and passes single ones', () => {
    const lock = {
      packages: {
        'node_modules/@opentelemetry/core': { version: '2.12.0' },
        'node_modules/x/node_modules/@opentelemetry/core': { version: '2.12.1' },
        'node_modules/@opentelemetry/resources': { version: '2.12.0' },
      },
    };
    expect([...duplicateCopies(lock).keys()]).toEqual(['@opentelemetry/core']);
  });
});
