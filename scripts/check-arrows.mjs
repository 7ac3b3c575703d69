/**
 * Holds the arrows between the rooms of `src/`: which room may import which. The recording rooms must not import
 * the hub's, so that an instrumented program stays small.
 *
 *   node scripts/check-arrows.mjs        exit code 1 and a line for each forbidden import
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Room → rooms it may import (itself always). Files directly in `src/` are the package's entries and sit above all rooms. */
export const ARROWS = {
  conventions: [],
  config: ['conventions'],
  telemetry: ['conventions'],
  training: ['conventions', 'telemetry', 'trackers'],
  serving: ['conventions', 'telemetry'],
  observers: ['conventions', 'telemetry'],
  otlp: ['conventions'],
  trackers: ['conventions'],
  hub: ['conventions', 'config', 'otlp', 'trackers', 'alerting', 'reports'],
  alerting: ['conventions'],
  reports: ['conventions'],
  collector: ['conventions', 'config'],
  dashboard: ['conventions'],
  cli: ['*'],
};
/** What the entries of recording programs may import: never the hub's side. */
export const ENTRIES = {
  'register.ts': ['conventions', 'telemetry', 'serving', 'observers'],
  'index.ts': ['conventions', 'telemetry', 'training', 'serving', 'observers', 'trackers'],
};

const IMPORT =
  /(?:^|[\s;}])(?:import|export)\s*(?:type\s)?(?:[^'"()]*?\sfrom\s*)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g;

/** @returns {{file: string, imports: string, why: string}[]} every import that the table does not allow */
export function forbiddenImports(source) {
  const found = [];
  for (const file of sources(source)) {
    const [room, ...rest] = relative(source, file).split(sep);
    const allowed = rest.length === 0 ? ENTRIES[room] : ARROWS[room];
    const where = relative(dirname(source), file);
    if (!allowed) {
      found.push({
        file: where,
        imports: '',
        why: `${room} is no room of the design: add it to ARROWS in scripts/check-arrows.mjs`,
      });
      continue;
    }
    for (const match of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      const target = match[1] ?? match[2];
      if (!target.startsWith('.')) continue;
      const [to] = relative(source, resolve(dirname(file), target)).split(sep);
      if (to === room || to === '..' || allowed.includes('*') || allowed.includes(to)) continue;
      found.push({
        file: where,
        imports: target,
        why: `${room} may import ${allowed.join(', ') || 'nothing'}`,
      });
    }
  }
  return found;
}

function* sources(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (/\.tsx?$/.test(entry.name)) yield path;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const found = forbiddenImports(resolve(dirname(fileURLToPath(import.meta.url)), '..', 'src'));
  for (const { file, imports, why } of found) process.stderr.write(`${file}: import of ${imports}: ${why}\n`);
  if (found.length > 0) process.exitCode = 1;
  else process.stdout.write('arrows between rooms: as designed\n');
}
