import { load, type Program, startProgram } from './http/processes.ts';
import { registerUrl } from './http/register-url.ts';
import { type BenchRow, benchRow, median } from './row.ts';

export interface BenchHttpOptions {
  /** Default 5. */
  rounds?: number;
  /** Length of one measurement, in seconds. Default 2. */
  seconds?: number;
  /** Starts that `register.start_ms` and `register.rss_mb` are the medians of. Default 9. */
  starts?: number;
}

const SERVER_CPU = 0;
const LOAD_CPU = 1;
const VARIANTS = ['bare', 'instrumentation-http', 'register'] as const;
type Variant = (typeof VARIANTS)[number];
const PATHS = ['/', '/stream'] as const;

function nodeOptions(variant: Variant): string[] {
  if (variant === 'bare') return [];
  const own = new URL('./http/instrumentation-http.mjs', import.meta.url).href;
  return ['--import', variant === 'register' ? registerUrl() : own];
}

/**
 * Cost of `register` in requests per second, beside a bare server and instrumentation-http alone, with spans and
 * metrics exported as OTLP protobuf to a live receiver; and what it adds to a start. The servers run at the same
 * time, each held to one processor with the others idle; the rounds take turns between them, and each ratio is the
 * median of the rounds' own ratios.
 */
export async function benchHttp(options: BenchHttpOptions = {}): Promise<BenchRow[]> {
  const { rounds = 5, seconds = 2, starts = 9 } = options;
  const sinks = new Map<Variant, Program>();
  const servers = new Map<Variant, Program>();
  const start = async (variant: Variant) => {
    const endpoint = `http://127.0.0.1:${sinks.get(variant)?.ready.port}`;
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_METRIC_EXPORT_INTERVAL: '10000' };
    return startProgram('app.mjs', { cpu: SERVER_CPU, node: nodeOptions(variant), env });
  };
  try {
    for (const variant of VARIANTS) sinks.set(variant, await startProgram('sink.mjs', { cpu: LOAD_CPU }));
    for (const variant of VARIANTS) servers.set(variant, await start(variant));
    const rates = await measureRates(servers, rounds, seconds);
    const shares = await exportedShare(sinks, servers);
    for (const server of servers.values()) await server.stop();
    servers.clear();
    const added = await measureStarts(start, starts);
    return rows(rates, shares, added);
  } finally {
    for (const program of [...servers.values(), ...sinks.values()]) await program.stop();
  }
}

type Rates = Record<Variant, Record<(typeof PATHS)[number], number[]>>;

async function measureRates(
  servers: ReadonlyMap<Variant, Program>,
  rounds: number,
  seconds: number,
): Promise<Rates> {
  const url = (variant: Variant, path: string) =>
    `http://127.0.0.1:${servers.get(variant)?.ready.port}${path}`;
  const rates = Object.fromEntries(VARIANTS.map((v) => [v, { '/': [], '/stream': [] }])) as unknown as Rates;
  for (const variant of VARIANTS) for (const path of PATHS) await load(url(variant, path), 1, LOAD_CPU);
  for (let round = 0; round < rounds; round++) {
    for (const path of PATHS) {
      // Another one first each round: the machine warms up and cools down.
      for (let i = 0; i < VARIANTS.length; i++) {
        const variant = VARIANTS[(i + round) % VARIANTS.length] as Variant;
        rates[variant][path].push(await load(url(variant, path), seconds, LOAD_CPU));
      }
    }
  }
  return rates;
}

/** Spans that arrived ÷ requests that were answered: a comparison with one that drops them would say nothing. */
async function exportedShare(sinks: ReadonlyMap<Variant, Program>, servers: ReadonlyMap<Variant, Program>) {
  const share = async (variant: Variant) => {
    const answered = Number(
      await (await fetch(`http://127.0.0.1:${servers.get(variant)?.ready.port}/count`)).text(),
    );
    // The last batch leaves after a second at most; ask until nothing more comes.
    for (let last = -1; ; ) {
      const reply = await fetch(`http://127.0.0.1:${sinks.get(variant)?.ready.port}/`);
      const { spans } = (await reply.json()) as { spans: number };
      if (spans === last) return spans / answered;
      last = spans;
      await new Promise((resolve) => setTimeout(resolve, 1500));
    }
  };
  return { register: await share('register'), other: await share('instrumentation-http') };
}

async function measureStarts(start: (variant: Variant) => Promise<Program>, times: number) {
  const startMs: number[] = [];
  const rssMb: number[] = [];
  for (let i = 0; i < times; i++) {
    const [bare, register] = [await start('bare'), await start('register')];
    startMs.push(register.ready.startMs - bare.ready.startMs);
    rssMb.push(register.ready.rssMb - bare.ready.rssMb);
    await Promise.all([bare.stop(), register.stop()]);
  }
  return { startMs: median(startMs), rssMb: median(rssMb) };
}

function rows(
  rates: Rates,
  shares: { register: number; other: number },
  added: { startMs: number; rssMb: number },
): BenchRow[] {
  const ratio = (name: string, path: (typeof PATHS)[number], to: Variant, goal: number | null) =>
    benchRow({
      name,
      value: median(rates.register[path].map((rate, round) => rate / (rates[to][path][round] as number))),
      unit: 'x',
      goal,
      better: 'higher',
      against: { name: `${to}, requests/s`, value: median(rates[to][path]) },
    });
  return [
    ratio('http.empty_vs_instrumentation_http', '/', 'instrumentation-http', 1.6),
    ratio('http.empty_vs_bare', '/', 'bare', 0.5),
    ratio('http.stream_vs_instrumentation_http', '/stream', 'instrumentation-http', 1),
    ratio('http.stream_vs_bare', '/stream', 'bare', null),
    benchRow({
      name: 'http.spans_exported',
      value: shares.register,
      unit: 'of all',
      goal: 0.99,
      better: 'higher',
      against: { name: 'instrumentation-http', value: shares.other },
    }),
    benchRow({ name: 'register.start_ms', value: added.startMs, unit: 'ms', goal: null, better: 'lower' }),
    benchRow({ name: 'register.rss_mb', value: added.rssMb, unit: 'MB', goal: null, better: 'lower' }),
  ];
}
