import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Store } from '../../../src/hub/store/store.ts';
import { decodeAttributes, decodeRequest, type OtlpRequest, type Signal } from '../../../src/otlp/index.ts';
import { readLinePieces } from '../../../src/otlp/json-line-stream.ts';

/**
 * What two places hold, record by record, in one form: each record a line of JSON with its identity and its values.
 * NaN and the infinities are their names, as OTLP JSON writes them.
 */
export interface Records {
  steps: Set<string>;
  spans: Set<string>;
  points: Set<string>;
  /** Series and time of each point, without its value. */
  pointIdentities: Set<string>;
}

const none = (): Records => ({
  steps: new Set(),
  spans: new Set(),
  points: new Set(),
  pointIdentities: new Set(),
});

const line = (value: unknown): string =>
  JSON.stringify(value, (_, item: unknown) => {
    if (typeof item === 'bigint') return Number(item);
    if (typeof item === 'number' && !Number.isFinite(item)) return String(item);
    return item;
  });
/** The same attributes in any order. */
const sorted = (attributes: Readonly<Record<string, unknown>>) =>
  Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
const instanceOf = (resource: Readonly<Record<string, unknown>>) => resource['service.instance.id'];
/** The store keeps times to about a quarter of a microsecond. */
const ms = (nanoseconds: bigint) => Math.round(Number(nanoseconds) / 1e6);

function addPoint(records: Records, identity: unknown[], value: unknown): void {
  records.pointIdentities.add(line(identity));
  records.points.add(line([...identity, value]));
}

/** Everything that the Collector's file destination wrote into a folder. */
export async function recordsOfFiles(folder: string): Promise<Records> {
  const records = none();
  for (const signal of ['traces', 'metrics', 'logs'] as const) {
    if (!existsSync(join(folder, `${signal}.jsonl`))) continue;
    for (const name of readdirSync(folder).filter((file) => file.startsWith(signal))) {
      for await (const request of requestsOf(join(folder, name), signal)) add(records, request);
    }
  }
  return records;
}

async function* requestsOf(file: string, signal: Signal): AsyncGenerator<OtlpRequest> {
  for await (const piece of readLinePieces(createReadStream(file))) {
    if (piece.kind !== 'request') throw new Error(`${file}:${piece.line}: ${piece.reason}`);
    yield decodeRequest(signal, 'application/json', piece.request.bytes);
  }
}

function add(records: Records, request: OtlpRequest): void {
  if (request.signal === 'logs') {
    for (const { resource, scopeLogs } of request.resourceLogs)
      for (const { logRecords } of scopeLogs)
        for (const { eventName, attributes, body, timeUnixNano } of logRecords) {
          if (eventName !== 'llm.training.step') continue;
          for (const [key, value] of Object.entries(body as Record<string, number>))
            records.steps.add(
              line([
                resource.attributes['llm.run.id'],
                key,
                attributes['llm.training.step'],
                ms(timeUnixNano),
                value,
              ]),
            );
        }
  } else if (request.signal === 'traces') {
    for (const { resource, scopeSpans } of request.resourceSpans)
      for (const { spans } of scopeSpans)
        for (const span of spans)
          records.spans.add(
            line([
              instanceOf(resource.attributes),
              span.traceId,
              span.spanId,
              span.parentSpanId || null,
              span.name,
              ms(span.startTimeUnixNano),
              sorted(span.attributes),
              span.events.map((event) => [event.name, sorted(event.attributes)]),
            ]),
          );
  } else {
    for (const { resource, scopeMetrics } of request.resourceMetrics)
      for (const { metrics } of scopeMetrics)
        for (const metric of metrics)
          for (const point of metric.points) {
            const value =
              metric.kind === 'histogram'
                ? [(point as { count: number }).count, (point as { sum?: number }).sum]
                : (point as { value?: number }).value;
            addPoint(
              records,
              [
                instanceOf(resource.attributes),
                metric.name,
                sorted(decodeAttributes(point.attributes)),
                Math.round(point.time),
              ],
              value,
            );
          }
  }
}

/** Everything that a hub's store holds. */
export async function recordsOfStore(store: Store): Promise<Records> {
  const records = none();
  for (const { id } of (await store.runs({})).runs) {
    for (const { key } of (await store.run(id))?.keys ?? []) {
      const series = await store.series({ run: id, key, x: 'step', maxPoints: 0 });
      for (const [i, step] of (series?.step ?? []).entries())
        records.steps.add(line([id, key, step, Math.round(series?.time[i] ?? 0), series?.value[i]]));
    }
  }
  for (const { traceId } of (await store.traces({ limit: 100_000 })).traces) {
    for (const span of await store.trace(traceId))
      records.spans.add(
        line([
          instanceOf(span.resource),
          span.traceId,
          span.spanId,
          span.parentSpanId,
          span.name,
          Math.round(span.startTime),
          sorted(span.attributes),
          span.events.map((event) => [event.name, sorted(event.attributes)]),
        ]),
      );
  }
  const all = { where: {}, from: 0, to: Number.POSITIVE_INFINITY };
  for (const { name, kind } of await store.instruments()) {
    if (kind === 'histogram')
      for (const series of await store.histograms({ name, ...all }))
        for (const { time, count, sum } of series.points)
          addPoint(
            records,
            [instanceOf(series.resource), name, sorted(series.attributes), Math.round(time)],
            [count, sum],
          );
    else
      for (const series of await store.points({ name, ...all, maxPoints: 0 }))
        for (const [i, time] of series.time.entries())
          addPoint(
            records,
            [instanceOf(series.resource), name, sorted(series.attributes), Math.round(time)],
            series.value[i],
          );
  }
  return records;
}

/** What one has and the other has not, a few of each: empty when they are the same. */
export function differences(a: ReadonlySet<string>, b: ReadonlySet<string>): string[] {
  const missing = (from: ReadonlySet<string>, to: ReadonlySet<string>) =>
    [...from].filter((item) => !to.has(item)).slice(0, 3);
  return [
    ...missing(a, b).map((item) => `only in the first: ${item}`),
    ...missing(b, a).map((item) => `only in the second: ${item}`),
  ];
}
