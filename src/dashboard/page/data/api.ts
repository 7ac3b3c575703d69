import type {
  ApiError,
  InstrumentInfo,
  LiveUpdate,
  MetricQueryResponse,
  PerformanceSummary,
  RunDetail,
  RunSummary,
  SeriesResponse,
  SettingsResponse,
  Tile,
  TraceResponse,
  TraceSummary,
} from '../../../conventions/hub-api.ts';
import type { CatalogueEntry } from '../../../conventions/catalogue.ts';
import type { MetricRead } from '../series/catalogue-lines.ts';
import type { XAxis } from '../series/columns.ts';

type Query = Record<string, string | number | undefined>;

const address = (path: string, query: Query = {}): string => {
  const write = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) write.set(name, String(value));
  const text = write.toString();
  return text === '' ? path : `${path}?${text}`;
};

/** Reads JSON of the hub. Throws an error whose message says what the hub said, fit to be shown. */
async function read<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(address(path, query), { headers: { accept: 'application/json' }, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Error('The hub does not answer. Is llm-otel hub still running?', { cause: error });
  }
  if (!response.ok) {
    const body = (await response.json().catch(() => undefined)) as ApiError | undefined;
    throw new Error(body?.error.message ?? `The hub answered ${response.status} to ${path}`);
  }
  return (await response.json()) as T;
}

export interface SeriesRead {
  run: string;
  key: string;
  rank?: number;
  x: XAxis;
  from?: number;
  to?: number;
  maxPoints: number;
}
export interface TimeSpan {
  from: number;
  to: number;
}

/** Which tiles are told. */
export interface Watched {
  keys: readonly string[];
  window: string;
  /** The run that training keys are taken from; the hub's choice when absent. */
  run: string | undefined;
}
const watchQuery = ({ keys, ...rest }: Watched): Query => ({ keys: keys.join(','), ...rest });

/** The hub's API as the page uses it. */
export const api = {
  runs: () => read<{ runs: RunSummary[]; total: number }>('/api/runs', { limit: 500 }),
  run: (id: string, signal?: AbortSignal) =>
    read<RunDetail>(`/api/runs/${encodeURIComponent(id)}`, {}, signal),
  series: ({ run, ...query }: SeriesRead, signal?: AbortSignal) =>
    read<SeriesResponse>(`/api/runs/${encodeURIComponent(run)}/series`, { ...query }, signal),
  instruments: (signal?: AbortSignal) =>
    read<{ metrics: InstrumentInfo[] }>('/api/metrics', {}, signal).then((answer) => answer.metrics),
  metric: (
    { name, agg, where, by, run }: MetricRead,
    span: TimeSpan,
    maxPoints: number,
    signal?: AbortSignal,
  ) =>
    read<MetricQueryResponse>(
      '/api/metrics/query',
      {
        name,
        agg,
        ...Object.fromEntries(Object.entries(where).map(([key, value]) => [`attr.${key}`, value])),
        from: Math.round(span.from),
        to: Math.round(span.to),
        maxPoints,
        run,
        ...(agg === 'rate' || agg === 'increase' ? (by === undefined ? { together: 'true' } : { by }) : {}),
      },
      signal,
    ),
  settings: (signal: AbortSignal) => read<SettingsResponse>('/api/settings', {}, signal),
  summary: ({ from, to }: TimeSpan, signal?: AbortSignal) =>
    read<PerformanceSummary>('/api/summary', { from: Math.round(from), to: Math.round(to) }, signal),
  traces: (
    query: { from: number; to: number; name?: string; errors?: number; limit: number },
    signal?: AbortSignal,
  ) => read<{ traces: TraceSummary[]; total: number }>('/api/traces', query, signal),
  trace: (id: string, signal?: AbortSignal) =>
    read<TraceResponse>(`/api/traces/${encodeURIComponent(id)}`, {}, signal),
  catalogue: () => read<{ entries: CatalogueEntry[] }>('/api/catalogue').then((answer) => answer.entries),
  tiles: (watched: Watched) => read<{ tiles: Tile[] }>('/api/tiles', watchQuery(watched)),
  delta: (since: number, watched: Watched) =>
    read<LiveUpdate>('/api/delta', { since, ...watchQuery(watched) }),
  liveAddress: (interval: number, watched: Watched) =>
    address('/api/live', { interval, ...watchQuery(watched) }),
};
