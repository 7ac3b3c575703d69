import { existsSync } from 'node:fs';

/** The compiled package where it was built: what a user loads. Sources would add the time to strip their types. */
export function registerUrl(): string {
  const built = new URL('../../dist/register.js', import.meta.url);
  return (existsSync(built) ? built : new URL('../../src/register.ts', import.meta.url)).href;
}
