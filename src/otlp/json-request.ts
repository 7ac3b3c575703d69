import type { Signal } from './model.ts';

/** Keys of an OTLP JSON request by signal, from the outside in (opentelemetry-proto 1.11, JSON mapping). */
const KEYS: Readonly<Record<Signal, readonly [resources: string, scopes: string, items: string]>> = {
  metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
};
const SIGNALS = Object.keys(KEYS) as Signal[];
/** Where the points of a metric are. */
const METRIC_DATA = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'] as const;
const POINTS = 'dataPoints';

/**
 * An OTLP JSON request that is passed on as it was written: nothing is decoded that need not be, so that what our
 * model does not keep (exemplars, schema URLs, integer points) reaches the receiver too.
 */
export interface JsonRequest {
  signal: Signal;
  bytes: Uint8Array;
  /** Spans, data points or log records. */
  items: number;
  /** The text has its one list and nothing beside it or around it, as the Collector writes it. */
  joinable: boolean;
}

type JsonObject = Record<string, unknown>;

/** @returns undefined when the text is JSON, but no OTLP request. @throws SyntaxError when it is not JSON */
export function jsonRequest(bytes: Uint8Array): JsonRequest | undefined {
  const object: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  if (!isObject(object)) return undefined;
  const signal = SIGNALS.find((each) => Array.isArray(object[KEYS[each][0]]));
  if (signal === undefined) return undefined;
  const joinable = Object.keys(object).length === 1 && isBare(signal, bytes);
  return { signal, bytes, items: countItems(signal, object), joinable };
}

function isBare(signal: Signal, bytes: Uint8Array): boolean {
  const head = headOf(signal);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return text.toString('latin1', 0, head.length) === head && text.subarray(-TAIL.length).equals(TAIL);
}

function countItems(signal: Signal, request: JsonObject): number {
  const [resources, scopes, items] = KEYS[signal];
  let count = 0;
  for (const resource of listOf(request, resources)) {
    for (const scope of listOf(resource, scopes)) {
      for (const item of listOf(scope, items)) count += signal === 'metrics' ? pointsOf(item).length : 1;
    }
  }
  return count;
}

/**
 * One request of several of the same signal, by joining their text: `{"resourceSpans":[A]}` and `{"resourceSpans":[B]}`
 * give `{"resourceSpans":[A,B]}`. Only for requests that say that they are `joinable`.
 */
export function joinJsonRequests(requests: readonly JsonRequest[]): JsonRequest {
  const [first] = requests;
  if (first === undefined) throw new RangeError('nothing to join');
  if (requests.length === 1) return first;
  const head = Buffer.from(headOf(first.signal));
  const parts: Uint8Array[] = [head];
  let items = 0;
  for (const request of requests) {
    const inner = request.bytes.subarray(head.length, request.bytes.length - TAIL.length);
    items += request.items;
    if (inner.length === 0) continue;
    if (parts.length > 1) parts.push(COMMA);
    parts.push(inner);
  }
  parts.push(TAIL);
  return { signal: first.signal, bytes: Buffer.concat(parts), items, joinable: true };
}

const TAIL = Buffer.from(']}');
const COMMA = Buffer.from(',');
const headOf = (signal: Signal): string => `{"${KEYS[signal][0]}":[`;

/**
 * Two requests with half of the items each, for a receiver that finds one too large; undefined when there is only one
 * item, or none. Every resource, scope and metric that is split is named in both.
 */
export function halveJsonRequest({
  signal,
  bytes,
  items,
}: JsonRequest): [JsonRequest, JsonRequest] | undefined {
  if (items < 2) return undefined;
  const request = JSON.parse(new TextDecoder().decode(bytes)) as JsonObject;
  const path: string[] = [...KEYS[signal]];
  if (signal === 'metrics') path.push(POINTS);
  const left = take(request, path, { skip: 0, take: items >> 1 });
  const right = take(request, path, { skip: items >> 1, take: items });
  return [encode(signal, left), encode(signal, right)];
}

interface Range {
  skip: number;
  take: number;
}

/** A copy of the object with those of its innermost items that the range holds; the range is used up on the way. */
function take(object: JsonObject, path: readonly string[], range: Range): JsonObject {
  const [key, ...rest] = path as [string, ...string[]];
  if (key === POINTS) {
    const data = METRIC_DATA.find((name) => isObject(object[name]));
    if (data === undefined) return object;
    return {
      ...object,
      [data]: { ...(object[data] as JsonObject), [POINTS]: slice(pointsOf(object), range) },
    };
  }
  const list = listOf(object, key);
  if (rest.length === 0) return { ...object, [key]: slice(list, range) };
  const kept: JsonObject[] = [];
  for (const element of list) {
    const before = range.take;
    const part = take(element, rest, range);
    if (range.take < before) kept.push(part);
  }
  return { ...object, [key]: kept };
}

function slice<T>(list: readonly T[], range: Range): T[] {
  const part = list.slice(range.skip, range.skip + range.take);
  range.skip = Math.max(0, range.skip - list.length);
  range.take -= part.length;
  return part;
}

function encode(signal: Signal, request: JsonObject): JsonRequest {
  const bytes = Buffer.from(JSON.stringify(request, keepMinusZero));
  return { signal, bytes, items: countItems(signal, request), joinable: false };
}

/** `JSON.stringify` writes -0 as 0; OTLP JSON takes doubles as strings too. */
function keepMinusZero(_key: string, value: unknown): unknown {
  return Object.is(value, -0) ? '-0' : value;
}

function pointsOf(metric: JsonObject): JsonObject[] {
  const data = METRIC_DATA.map((name) => metric[name]).find(isObject);
  return data === undefined ? [] : listOf(data, POINTS);
}

function listOf(object: JsonObject, key: string): JsonObject[] {
  const list = object[key];
  return Array.isArray(list) ? list.filter(isObject) : [];
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
