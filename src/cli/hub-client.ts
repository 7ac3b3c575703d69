import type {
  ApiError,
  RunDetail,
  RunHistogramsResponse,
  RunSummary,
  SeriesResponse,
} from '../conventions/index.ts';
import { CommandFailed } from './output.ts';

/** Where a hub listens when nothing else was said. */
export const DEFAULT_HUB = 'http://127.0.0.1:4319';

/** Asks a hub's API. A hub that is not there, or that refuses, is a `CommandFailed` that says what to do. */
export class HubClient {
  readonly #base: string;
  readonly #token: string | undefined;

  constructor(base: string, token: string | undefined) {
    if (!URL.canParse(base) || !/^https?:/.test(base)) {
      throw new CommandFailed(`--hub ${JSON.stringify(base)} is no http:// or https:// address`, 2);
    }
    this.#base = base.replace(/\/+$/, '');
    this.#token = token;
  }

  runs(filter: {
    project?: string;
    status?: string;
    limit?: number;
  }): Promise<{ runs: RunSummary[]; total: number }> {
    return this.#get('/api/runs', filter);
  }
  run(id: string): Promise<RunDetail> {
    return this.#get(`/api/runs/${encodeURIComponent(id)}`);
  }
  /** Points of a key; `maxPoints` 0 for every one. */
  series(
    run: string,
    key: string,
    query: { rank?: number; x: 'step' | 'time'; from?: number; to?: number; maxPoints: number },
  ): Promise<SeriesResponse> {
    return this.#get(`/api/runs/${encodeURIComponent(run)}/series`, { key, ...query });
  }

  /** Histograms of a rank, a page at once: those behind `after`. */
  histograms(
    run: string,
    query: { rank: number; after: number; limit: number },
  ): Promise<RunHistogramsResponse> {
    return this.#get(`/api/runs/${encodeURIComponent(run)}/histograms`, query);
  }

  async #get<T>(path: string, query: Record<string, string | number | undefined> = {}): Promise<T> {
    const url = new URL(this.#base + path);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    let response: Response;
    try {
      response = await fetch(url, {
        headers: this.#token ? { authorization: `Bearer ${this.#token}` } : {},
        signal: AbortSignal.timeout(60_000),
      });
    } catch (error) {
      const cause = (error as { cause?: { code?: string; message?: string } }).cause;
      throw new CommandFailed(
        `no hub answers at ${this.#base} (${cause?.code ?? cause?.message ?? (error as Error).message}); start one with "llm-otel hub", or name another with --hub`,
      );
    }
    const body = (await response.json().catch(() => undefined)) as (T & Partial<ApiError>) | undefined;
    if (response.ok && body !== undefined) return body;
    if (response.status === 401) {
      throw new CommandFailed(
        `the hub at ${this.#base} asks for a token: give it with --token or LLM_OTEL_HUB_TOKEN`,
      );
    }
    throw new CommandFailed(
      `the hub at ${this.#base} answered ${response.status}: ${body?.error?.message ?? response.statusText}`,
    );
  }
}
