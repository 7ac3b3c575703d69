import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A folder for one test; gone when it is disposed. */
export function temporaryFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'llm-otel-collector-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Writes a program whose code is JavaScript for the Node that runs this test. */
export function program(path: string, code: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!${process.execPath}\n${code}`);
  chmodSync(path, 0o755);
  return path;
}

/** What a Collector prints for `components`, as JSON (which is YAML). */
export const listing = (version: string, components: Record<string, string[]> = {}): string =>
  JSON.stringify({
    buildinfo: { command: 'otelcol', version },
    ...Object.fromEntries(
      Object.entries(components).map(([kind, names]) => [kind, names.map((name) => ({ name }))]),
    ),
  });

/** A Collector that only tells what it is. */
export const lister = (path: string, version: string, components?: Record<string, string[]>): string =>
  program(path, `console.log(${JSON.stringify(listing(version, components))});`);
