/**
 * Writes docs/names.md from the conventions: metrics, keys, events and variables, so that the page cannot differ from
 * what is emitted. `--check` compares instead of writing.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CATALOGUE, ENV, EVENT, METRIC } from '../src/conventions/index.ts';

const target = fileURLToPath(new URL('../docs/names.md', import.meta.url));
const cell = (text) => String(text).replaceAll('|', '\\|');
const table = (header, rows) =>
  [
    `| ${header.join(' | ')} |`,
    `|${header.map(() => '---').join('|')}|`,
    ...rows.map((row) => `| ${row.map(cell).join(' | ')} |`),
  ].join('\n');

const sources = {
  run: ({ metric }) => `steps of a run; gauge \`${metric}\``,
  value: ({ metric }) => `\`${metric}\``,
  rate: ({ metric }) => `rate of \`${metric}\``,
  ratio: ({ metric, of }) => (metric === of ? `share of \`${metric}\`` : `\`${metric}\` / \`${of}\``),
  quantile: ({ metric, q }) => `quantile ${q} of \`${metric}\``,
  mean: ({ metric }) => `mean of \`${metric}\``,
};

export function namesPage() {
  return `# Names

Made from \`src/conventions/\` by \`node scripts/names-doc.mjs\`; \`npm run check\` compares it.

## Keys
What tiles, charts, alert rules, trackers and reports call a value.

${table(
  ['key', 'unit', 'better', 'meaning', 'from'],
  CATALOGUE.map((e) => [
    `\`${e.key}\``,
    e.unit,
    e.better === 'none' ? '' : e.better,
    e.help,
    sources[e.source.from](e.source),
  ]),
)}

A key of your own is kept as it is; its gauge is \`llm.training.custom.*\`.

## Metrics
${table(
  ['metric', 'kind', 'unit', 'meaning'],
  Object.values(METRIC).map((m) => [`\`${m.name}\``, m.kind, m.unit, m.description]),
)}

## Events
OTLP log records with an event name; together they are a run.

${table(
  ['event'],
  Object.values(EVENT).map((name) => [`\`${name}\``]),
)}

## Environment variables
${table(
  ['variable', 'default', 'meaning'],
  Object.values(ENV).map((v) => [`\`${v.name}\``, v.default && `\`${v.default}\``, v.help]),
)}

The OTEL_* variables that are honoured: [telemetry](telemetry.md).
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const page = namesPage();
  if (!process.argv.includes('--check')) writeFileSync(target, page);
  else if (!existsSync(target) || readFileSync(target, 'utf8') !== page) {
    process.stderr.write('docs/names.md differs from src/conventions: run node scripts/names-doc.mjs\n');
    process.exitCode = 1;
  }
}
