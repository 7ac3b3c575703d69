import type {
  PerformanceSummary,
  RunDetail,
  SeriesResponse,
  TraceResponse,
  TraceSummary,
} from 'llm-otel/conventions';
import type { LoadResult } from '../load/load.ts';

/** What the hub holds of the demonstration, read through its API. */
export interface Recorded {
  steps: number;
  /** Records of the run, all kinds, and those that are missing between them. */
  records: number;
  missing: number;
  loss: { first: number; last: number };
  requests: { total: number; errors: number; aborted: number };
  /** Of the generations that were neither given up nor wrong, from their spans. */
  tokens: { input: number; output: number };
  summary: PerformanceSummary;
}

export interface Row {
  what: string;
  source: number;
  hub: number;
}

async function get<T>(hub: string, path: string): Promise<T> {
  const response = await fetch(hub + path);
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

/** Which run, and from when on the requests are counted, ms since the epoch: the data may hold earlier demonstrations. */
export interface Demonstrated {
  runId: string;
  since: number;
}

/** Reads everything; with `until`, again (once a second, a minute at most) until it holds. */
export async function readRecorded(
  hub: string,
  demonstrated: Demonstrated,
  wait?: { until: (recorded: Recorded) => boolean; signal: AbortSignal },
): Promise<Recorded> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const recorded = await readOnce(hub, demonstrated);
    if (!wait || wait.until(recorded) || Date.now() > deadline || wait.signal.aborted) return recorded;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function readOnce(hub: string, { runId, since }: Demonstrated): Promise<Recorded> {
  const run = await get<RunDetail>(hub, `/api/runs/${runId}`);
  const loss = await get<SeriesResponse>(hub, `/api/runs/${runId}/series?key=train/loss&x=step&maxPoints=0`);
  const summary = await get<PerformanceSummary>(hub, `/api/summary?from=${since}`);
  const mean = (values: unknown[]) =>
    values.map(Number).reduce((a, b) => a + b, 0) / Math.max(1, values.length);
  return {
    steps: loss.total,
    records: run.records.reduce((sum, rank) => sum + rank.stored, 0),
    missing: run.records.reduce((sum, rank) => sum + rank.missing, 0),
    loss: { first: mean(loss.value.slice(0, 10)), last: mean(loss.value.slice(-10)) },
    requests: {
      total: summary.requests.total,
      errors: summary.requests.error,
      aborted: summary.requests.aborted,
    },
    tokens: await tokensOfSpans(hub, since),
    summary,
  };
}

/** A request that was given up has no usage to compare with: only whole ones are summed. */
async function tokensOfSpans(hub: string, since: number): Promise<{ input: number; output: number }> {
  const { traces } = await get<{ traces: TraceSummary[] }>(
    hub,
    `/api/traces?name=chat&service=serve-char-lm&limit=1000&from=${since}`,
  );
  const tokens = { input: 0, output: 0 };
  for (const { traceId } of traces) {
    const { spans } = await get<TraceResponse>(hub, `/api/traces/${traceId}`);
    for (const { attributes } of spans) {
      if (attributes['llm.outcome'] !== 'completed' && attributes['llm.outcome'] !== 'length') continue;
      tokens.input += Number(attributes['gen_ai.usage.input_tokens'] ?? 0);
      tokens.output += Number(attributes['gen_ai.usage.output_tokens'] ?? 0);
    }
  }
  return tokens;
}

/** The same count at the program that made it and in the hub. */
export function compare(made: { steps: number; records: number; load: LoadResult }, hub: Recorded): Row[] {
  return [
    { what: 'training steps', source: made.steps, hub: hub.steps },
    { what: 'records of the run', source: made.records, hub: hub.records },
    { what: 'missing records', source: 0, hub: hub.missing },
    { what: 'requests', source: made.load.sent, hub: hub.requests.total },
    { what: 'requests with an error', source: made.load.errors, hub: hub.requests.errors },
    { what: 'requests given up', source: made.load.aborted, hub: hub.requests.aborted },
    { what: 'input tokens', source: made.load.inputTokens, hub: hub.tokens.input },
    { what: 'output tokens', source: made.load.outputTokens, hub: hub.tokens.output },
  ];
}

export function table(rows: readonly Row[], hub: Recorded): string {
  const count = (value: number) => value.toLocaleString('en').padStart(12);
  const ms = (seconds: number | null) => (seconds === null ? '-' : `${(seconds * 1000).toFixed(1)} ms`);
  const { summary, loss } = hub;
  return [
    `${'recorded'.padEnd(26)}${'at the source'.padStart(14)}${'in the hub'.padStart(12)}`,
    ...rows.map(
      (row) =>
        `${row.what.padEnd(26)}  ${count(row.source)}${count(row.hub)}${row.source === row.hub ? '' : '   DIFFERENT'}`,
    ),
    '',
    `training loss               ${loss.first.toFixed(3)} -> ${loss.last.toFixed(3)} (mean of the first and last ten steps)`,
    `time to first token         p50 ${ms(summary.ttft.p50)}, p95 ${ms(summary.ttft.p95)} (${summary.ttft.count} requests)`,
    `time per output token       p50 ${ms(summary.tpot.p50)}, p95 ${ms(summary.tpot.p95)}`,
    `output tokens per second    ${summary.outputTokensPerSecond === null ? '-' : summary.outputTokensPerSecond.toFixed(1)}`,
  ].join('\n');
}
