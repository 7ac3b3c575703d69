/**
 * One copy of each `@opentelemetry/*` package: two copies of the API or of the SDK's core silently lose telemetry.
 *
 *   node scripts/check-copies.mjs        exit code 1 and a line for each package with more than one copy
 */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** @param lock a parsed package-lock.json (version 3); @returns {Map<string, string[]>} package → its places, for those with several */
export function duplicateCopies(lock) {
  const copies = new Map();
  for (const place of Object.keys(lock.packages)) {
    const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (name.startsWith('@opentelemetry/'))
      copies.set(name, [...(copies.get(name) ?? []), `${place} ${lock.packages[place].version}`]);
  }
  return new Map([...copies].filter(([, places]) => places.length > 1));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
  const found = duplicateCopies(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')));
  for (const [name, places] of found)
    process.stderr.write(`${name} is installed ${places.length} times: ${places.join(', ')}\n`);
  if (found.size > 0) process.exitCode = 1;
  else process.stdout.write('OpenTelemetry packages: one copy of each\n');
}
