import { readFileSync } from 'node:fs';

/** Version of this package, from its package.json: three folders up, in `src/` and in `dist/` alike. */
export function packageVersion(): string {
  try {
    const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
    return (JSON.parse(text) as { version: string }).version;
  } catch {
    return 'unknown';
  }
}
