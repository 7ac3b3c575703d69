import { readFileSync } from 'node:fs';

let version: string | undefined;

/** Version of this package, read once from its package.json (two folders up, in src/ and in dist/ alike). */
export function packageVersion(): string {
  if (version === undefined) {
    try {
      const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
      version = (JSON.parse(text) as { version?: string }).version ?? '0.0.0';
    } catch {
      version = '0.0.0';
    }
  }
  return version;
}
