import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach } from 'vitest';

const trees = new Set<string>();
afterEach(() => {
  for (const tree of trees) rmSync(tree, { recursive: true, force: true });
  trees.clear();
});

/** A folder with these files, path → content; removed after the test. A path that ends in `/` is an empty folder. */
export function fixtureTree(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'llm-otel-tree-'));
  trees.add(root);
  write(root, files);
  return root;
}

/** Writes further files, or other contents of those that are there. */
export function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    const file = join(root, path);
    mkdirSync(path.endsWith('/') ? file : dirname(file), { recursive: true });
    if (!path.endsWith('/')) writeFileSync(file, content);
  }
}
