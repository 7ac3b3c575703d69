/**
 * The demonstration: a hub, a small language model trained for real, then served over HTTP, then a bounded load on it;
 * and a person who can watch all of it at the address that it prints.
 *
 *   npm start                 runs it and stays up until Ctrl-C
 *   npm start -- --once       runs it, compares the counts at both ends, and exits 0 or 1
 *   [--steps 400] [--requests 48] [--port 4319] [--otlp-port 4318] [--serve-port 8000] [--data-dir ./.llm-otel]
 *   [--no-collector] [--destinations hub,file]
 *
 * With a Collector ($OTELCOL, PATH, or built by `llm-otel collector install`) everything goes through it: it owns the
 * OTLP port, and sends to the hub and into files beside it. Without one, everything goes straight to the hub.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startHub } from 'llm-otel/hub';
import { COUNT, PORT, readFlags } from '../flags.ts';
import { type LoadResult, runLoad } from '../load/load.ts';
import { type CollectorWay, findCollectorWay } from './collector.ts';
import { choosePort } from './ports.ts';
import { startProgram } from './program.ts';
import { compare, readRecorded, table } from './recorded.ts';

const flags = readFlags(
  {
    once: false,
    steps: 400,
    requests: 48,
    port: undefined,
    'otlp-port': undefined,
    'serve-port': undefined,
    'data-dir': '',
    'no-collector': false,
    destinations: 'hub,file',
  },
  { steps: COUNT, requests: COUNT, port: PORT, 'otlp-port': PORT, 'serve-port': PORT },
);

/** With --once nothing of an earlier run may be counted, and no port may be in the way. */
const temporary =
  flags.once && flags['data-dir'] === '' ? mkdtempSync(join(tmpdir(), 'llm-otel-demo-')) : undefined;
const dataDir = temporary ?? (flags['data-dir'] || './.llm-otel');
const example = (path: string) => new URL(`../${path}`, import.meta.url).pathname;

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

const say = (text: string) => console.log(`[demo] ${text}`);

const ports = await choosePorts().catch((error: Error) => {
  say(`${error.message}; stop it, or choose another port (0: any free one)`);
  process.exit(1);
});
const way = flags['no-collector'] ? undefined : await findWay();

const hub = await startHub({
  port: ports.hub,
  otlpPort: way ? false : ports.otlp,
  dataDir,
  log: (level, message) => level !== 'info' && say(`hub ${level}: ${message}`),
}).catch((error: Error) => {
  say(`the hub cannot start: ${error.message}`);
  process.exit(1);
});

const collector = await way
  ?.start({
    hub: hub.url,
    token: hub.token,
    stateDir: join(dataDir, 'collector'),
    port: ports.otlp,
    otherPorts: flags.once ? 'any' : 'usual',
  })
  .catch(async (error: Error) => {
    say(`the Collector cannot start (--no-collector goes without): ${error.message}`);
    await hub.stop();
    process.exit(1);
  });

const env = {
  ...process.env,
  OTEL_EXPORTER_OTLP_ENDPOINT: collector?.endpoint ?? hub.otlpUrl,
  OTEL_METRIC_EXPORT_INTERVAL: '2000',
  LLM_OTEL_JOURNAL_DIR: join(dataDir, 'journal'),
  LLM_OTEL_SLO_TTFT: '500ms',
  LLM_OTEL_SLO_DURATION: '10s',
};

async function choosePorts() {
  const choose = (what: string, name: 'port' | 'otlp-port' | 'serve-port', usual: number) =>
    choosePort(
      { what: `${what}, --${name}`, given: flags[name] ?? (flags.once ? 0 : undefined), usual },
      say,
    );
  return {
    hub: await choose('the page', 'port', 4319),
    otlp: await choose('OTLP', 'otlp-port', 4318),
    serve: await choose('the model', 'serve-port', 8000),
  };
}

/** A Collector that can be used; without one it is said how to get it. */
async function findWay(): Promise<CollectorWay | undefined> {
  const found = await findCollectorWay(flags.destinations, say);
  if (!found) say('no Collector was found; "npx llm-otel collector install" builds one');
  return found;
}

/** @returns 0 when every count is the same at both ends */
async function demonstrate(): Promise<number> {
  say(`watch it at ${hub.pageUrl}`);
  if (collector)
    say(`telemetry goes to the Collector at ${collector.endpoint}, which sends it to ${collector.sendsTo}`);
  else say('telemetry goes straight to the hub (no Collector in between)');

  say(`training a character model on Moby-Dick, ${flags.steps} steps ...`);
  const model = join(dataDir, 'model.json');
  const training = startProgram(
    'train',
    [example('train-char-lm/train.ts'), '--steps', String(flags.steps), '--out', model],
    {
      env: { ...env, OTEL_SERVICE_NAME: 'train-char-lm' },
      signal: stop.signal,
    },
  );
  const runId = (await training.line(/; run (\S+)/))[1] as string;
  const [, recorded] = await training.line(/finished: (\d+) records made/);
  const trained = await training.ended;
  if (trained !== 0) throw new Error(`training ended with exit code ${trained}`);

  say('serving it, OpenAI-style ...');
  const demonstrated = { runId, since: Date.now() };
  const serving = startProgram(
    'serve',
    [
      '--import',
      'llm-otel/register',
      example('serve-char-lm/server.ts'),
      '--model',
      model,
      '--port',
      String(ports.serve),
    ],
    {
      env: { ...env, OTEL_SERVICE_NAME: 'serve-char-lm', LLM_OTEL_MODEL_RUN_ID: runId },
      signal: stop.signal,
    },
  );
  const url = (await serving.line(/at (http:\S+)/))[1] as string;

  say(`sending ${flags.requests} requests, some given up half-way, some wrong ...`);
  const load: LoadResult = await runLoad({
    url,
    requests: flags.requests,
    concurrency: 4,
    maxTokens: 40,
    signal: stop.signal,
  });

  if (!flags.once) {
    // The last numbers leave the server with its next export.
    const seen = await readRecorded(hub.url, demonstrated, {
      until: (r) => r.requests.total >= load.sent,
      signal: stop.signal,
    });
    console.log(`\n${table(compare({ steps: flags.steps, records: Number(recorded), load }, seen), seen)}\n`);
    say(`the hub: ${hub.pageUrl}   the model: ${url}   Ctrl-C ends both`);
    await serving.ended;
    return 0;
  }
  serving.terminate();
  await serving.ended;
  await collector?.delivered(stop.signal);
  const seen = await readRecorded(hub.url, demonstrated);
  const rows = compare({ steps: flags.steps, records: Number(recorded), load }, seen);
  console.log(`\n${table(rows, seen)}\n`);
  const wrong = rows.filter((row) => row.source !== row.hub);
  say(
    wrong.length === 0
      ? 'every count is the same at both ends'
      : `these differ: ${wrong.map((row) => row.what).join(', ')}`,
  );
  const learned = seen.loss.last < seen.loss.first;
  if (!learned) say(`the loss did not fall: ${seen.loss.first} -> ${seen.loss.last}`);
  return wrong.length === 0 && learned ? 0 : 1;
}

try {
  process.exitCode = await demonstrate();
} catch (error) {
  if (stop.signal.aborted) say('stopped');
  else {
    say(`failed: ${(error as Error).message}`);
    process.exitCode = 1;
  }
} finally {
  stop.abort();
  await collector?.stop();
  await hub.stop();
  if (temporary) rmSync(temporary, { recursive: true, force: true });
}
