/**
 * Bundles the page (src/dashboard/page) into dist/dashboard: index.html, app.js, app.css, favicon.svg. No inline
 * script or style, nothing from elsewhere, so that the hub's strict content security policy holds and the page
 * works offline. `--out DIR` builds somewhere else, `--watch` rebuilds on changes.
 */
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build, context } from 'esbuild';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const page = join(root, 'src', 'dashboard', 'page');
const { values } = parseArgs({ options: { out: { type: 'string' }, watch: { type: 'boolean' } } });
const out = resolve(values.out ?? join(root, 'dist', 'dashboard'));

/** The page promises to stay small. Above this the build says so. */
const GOAL_GZIPPED_KIB = 64;

/**
 * Leaves out what uPlot attaches to itself and the page does not use, so that the bundler can drop the code behind
 * it. A line that a later version writes otherwise stays in, and costs its size only.
 */
const UNUSED_OF_UPLOT = [
  'uPlot.join = join;',
  '(paths.stepped = stepped);',
  '(paths.spline  = monotoneCubic);',
  'uPlot.rangeAsinh = rangeAsinh;',
];
const leanPlot = {
  name: 'lean-uplot',
  setup(plugin) {
    plugin.onLoad({ filter: /uPlot\.esm\.js$/ }, ({ path }) => ({
      contents: UNUSED_OF_UPLOT.reduce((code, line) => code.replace(line, ''), readFileSync(path, 'utf8')),
      loader: 'js',
    }));
  },
};

const options = {
  entryPoints: { app: join(page, 'main.tsx') },
  outdir: out,
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['es2023', 'chrome120', 'firefox121', 'safari17.2'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  tsconfig: join(page, 'tsconfig.json'),
  legalComments: 'linked',
  charset: 'utf8',
  logLevel: 'warning',
  plugins: [leanPlot],
};

mkdirSync(out, { recursive: true });
for (const file of ['index.html', 'favicon.svg']) cpSync(join(page, file), join(out, file));
if (values.watch) {
  await (await context(options)).watch();
} else {
  await build(options);
  let total = 0;
  const sizes = ['index.html', 'app.js', 'app.css', 'favicon.svg'].map((file) => {
    const kib = gzipSync(readFileSync(join(out, file)), { level: 9 }).byteLength / 1024;
    total += kib;
    return `${file} ${kib.toFixed(1)}`;
  });
  process.stdout.write(`dashboard: ${total.toFixed(1)} KiB gz (${sizes.join(', ')})\n`);
  if (total > GOAL_GZIPPED_KIB) {
    process.stderr.write(`dashboard: larger than the goal of ${GOAL_GZIPPED_KIB} KiB gz\n`);
  }
}
