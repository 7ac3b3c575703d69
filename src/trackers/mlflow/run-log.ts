import type { SinkMap } from '../sink.ts';
import { SinkUnavailable } from '../sink-errors.ts';
import { MlflowRefused, type MlflowClient } from './client.ts';
import { mlflowKey } from './keys.ts';
import { metricRequests, metricText, type MetricText } from './metrics.ts';
import { type KeyValue, MAX_PAIRS, paramPairs, tag } from './tags.ts';

/**
 * What `runs/log-batch` writes into one run, in requests that the server takes: parameters, tags and metrics, each
 * apart, since one that is refused takes its whole request with it. What is written again changes nothing.
 */
export class RunLog {
  readonly #client: MlflowClient;
  readonly #runId: string;
  /** As the server has them. */
  readonly #params: Map<string, string>;

  constructor(
    client: MlflowClient,
    run: { readonly id: string; readonly params: ReadonlyMap<string, string> },
  ) {
    this.#client = client;
    this.#runId = run.id;
    this.#params = new Map(run.params);
  }

  /** Parameters cannot be changed in MLflow: another value becomes a tag `param_changed.<key>`. */
  async params(pairs: readonly KeyValue[], signal?: AbortSignal): Promise<void> {
    const fresh = new Map<string, string>();
    const changed: KeyValue[] = [];
    for (const { key, value } of pairs) {
      const had = this.#params.get(key);
      if (had === undefined) fresh.set(key, value);
      else if (had !== value) changed.push(tag(mlflowKey(`param_changed.${key}`), value));
    }
    for (const params of portions([...fresh].map(([key, value]) => ({ key, value })))) {
      await this.#send({ params }, signal);
      for (const { key, value } of params) this.#params.set(key, value);
    }
    await this.tags(changed, signal);
  }

  async tags(pairs: readonly KeyValue[], signal?: AbortSignal): Promise<void> {
    // one key twice in a request: the later one counts
    const unique = [...new Map(pairs.map((pair) => [pair.key, pair])).values()];
    for (const tags of portions(unique)) await this.#send({ tags }, signal);
  }

  async metrics(metrics: readonly MetricText[], signal?: AbortSignal): Promise<void> {
    for (const request of metricRequests(metrics)) {
      try {
        await this.#sendMetrics(request, signal);
      } catch (error) {
        if (!isResentNaN(error)) throw error;
        await this.#sendApart(request, signal);
      }
    }
  }

  /**
   * Servers before the middle of 2026 answer 400 to a NaN that they have already (mlflow/mlflow#24683): numbers go
   * together, each NaN alone, and one that is there already is there.
   */
  async #sendApart(metrics: readonly MetricText[], signal?: AbortSignal): Promise<void> {
    await this.#sendMetrics(
      metrics.filter(({ isNaN }) => !isNaN),
      signal,
    );
    for (const metric of metrics.filter(({ isNaN }) => isNaN)) {
      try {
        await this.#sendMetrics([metric], signal);
      } catch (error) {
        if (!isResentNaN(error)) throw error;
      }
    }
  }

  async #sendMetrics(metrics: readonly MetricText[], signal?: AbortSignal): Promise<void> {
    if (metrics.length === 0) return;
    const list = metrics.map(({ text }) => text).join(',');
    await this.#logBatch(`{"run_id":${JSON.stringify(this.#runId)},"metrics":[${list}]}`, signal);
  }

  /** Parameters, tags and metrics go apart: one that is refused takes its whole request with it. */
  async #send(
    content: { params: readonly KeyValue[] } | { tags: readonly KeyValue[] },
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#logBatch({ run_id: this.#runId, ...content }, signal);
  }

  /** A run that was deleted meanwhile takes nothing: that is not the records' fault, and they wait. */
  async #logBatch(body: object | string, signal?: AbortSignal): Promise<void> {
    try {
      await this.#client.post('runs/log-batch', body, signal);
    } catch (error) {
      if (!isRunGone(error)) throw error;
      throw new SinkUnavailable(
        `The run was deleted in MLflow (${error.message}); restore it there, or it gets no more records`,
        { cause: error },
      );
    }
  }

  async summary(summary: SinkMap, time: number, signal?: AbortSignal): Promise<void> {
    const metrics: MetricText[] = [];
    const tags: KeyValue[] = [];
    for (const { key, value } of paramPairs(summary)) {
      const number = summary[key];
      if (typeof number === 'number') metrics.push(metricText(`summary/${key}`, number, time, 0));
      else tags.push(tag(mlflowKey(`summary.${key}`), value));
    }
    await this.metrics(metrics, signal);
    await this.tags(tags, signal);
  }
}

function* portions<T>(pairs: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < pairs.length; start += MAX_PAIRS) yield pairs.slice(start, start + MAX_PAIRS);
}

function isRunGone(error: unknown): error is MlflowRefused {
  return (
    error instanceof MlflowRefused &&
    (error.errorCode === 'RESOURCE_DOES_NOT_EXIST' ||
      error.errorCode === 'INVALID_STATE' ||
      /must be in the 'active' state/.test(error.message))
  );
}

function isResentNaN(error: unknown): boolean {
  return (
    error instanceof MlflowRefused && /UNIQUE constraint|IntegrityError|duplicate key/i.test(error.message)
  );
}
