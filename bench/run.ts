/**
 * `npm run bench [-- --json FILE] [-- --only PREFIX]`: every benchmark, one table. What is compared is measured in one
 * run, interleaved; the median of at least five rounds counts.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import type { BenchRow } from './row.ts';

/** Prefixes of the names that each part gives, and the part; loaded only when it is run. */
const PARTS: readonly (readonly [
  prefixes: readonly string[],
  load: () => Promise<() => Promise<BenchRow[]>>,
])[] = [
  [['step.'], async () => (await import('./step.ts')).benchStep],
  [['token.'], async () => (await import('./token.ts')).benchToken],
  [['observer.'], async () => (await import('./observers.ts')).benchObservers],
  [['otlp.'], async () => (await import('./otlp.ts')).benchOtlp],
  [['hub.'], async () => (await import('./hub.ts')).benchHub],
  [['http.', 'register.'], async () => (await import('./http.ts')).benchHttp],
  [['sinks.'], async () => (await import('./sinks.ts')).benchSinks],
  [['ttft.'], async () => (await import('./ttft.ts')).benchTtft],
];

const { values: flags } = parseArgs({ options: { json: { type: 'string' }, only: { type: 'string' } } });
const wanted = (prefix: string) =>
  flags.only === undefined || prefix.startsWith(flags.only) || flags.only.startsWith(prefix);

const rows: BenchRow[] = [];
for (const [prefixes, load] of PARTS) {
  if (!prefixes.some(wanted)) continue;
  process.stderr.write(`bench: ${prefixes.map((prefix) => `${prefix}*`).join(' ')} ...\n`);
  const bench = await load();
  rows.push(...(await bench()).filter((row) => flags.only === undefined || row.name.startsWith(flags.only)));
}
if (rows.length === 0) {
  process.stderr.write(
    `no benchmark is named ${flags.only}*; there are: ${PARTS.flatMap(([prefixes]) => prefixes).join(' ')}\n`,
  );
  process.exit(2);
}

const format = (value: number) =>
  Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}\n`);
console.log(
  `${'name'.padEnd(38)}${'value'.padStart(12)}  ${'unit'.padEnd(10)}${'goal'.padStart(12)}  against`,
);
for (const row of rows) {
  const goal = row.goal === null ? '' : `${row.better === 'lower' ? '<=' : '>='} ${format(row.goal)}`;
  const against = row.against ? `${row.against.name} ${format(row.against.value)}` : '';
  console.log(
    `${row.name.padEnd(38)}${format(row.value).padStart(12)}  ${row.unit.padEnd(10)}${goal.padStart(12)}  ${row.holds ? '' : 'MISSED  '}${against}`.trimEnd(),
  );
}
if (flags.json) writeFileSync(flags.json, `${JSON.stringify(rows, null, 2)}\n`);
