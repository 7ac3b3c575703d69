import { ATTR, EVENT, MACHINE_ATTRIBUTES } from '../../../conventions/index.ts';
import type { Attributes, AttributeValue, LogRecord } from '../../../otlp/model.ts';
import type { JsonValue } from '../../../conventions/index.ts';
import { numberOf, textOf, toJson } from '../attributes.ts';

/** One run event, understood. Absent parts are `undefined`. */
export interface RunRecord {
  event: string;
  runId: string;
  rank: number;
  /** Undefined from a foreign sender that does not count: then time and content are the identity. */
  seq: number | undefined;
  attempt: number;
  /** Milliseconds since the epoch. */
  time: number;
  arrival: number;
  resource: Attributes;
  attributes: Attributes;
  body: AttributeValue;
  severityNumber: number;
}

const RUN_EVENTS: ReadonlySet<string> = new Set(Object.values(EVENT));

/** Whether a log record is an event of a run. */
export function isRunEvent(record: LogRecord): boolean {
  return RUN_EVENTS.has(record.eventName);
}

/** Undefined when the record names no run. Foreign senders may put run id and rank on the record itself. */
export function readRunRecord(
  record: LogRecord,
  resource: Attributes,
  arrival: number,
): RunRecord | undefined {
  const { attributes } = record;
  const of = (name: string): AttributeValue | undefined => attributes[name] ?? resource[name];
  const runId = textOf(of(ATTR.runId));
  if (runId === undefined || runId === '') return undefined;
  const nanos = record.timeUnixNano === 0n ? record.observedTimeUnixNano : record.timeUnixNano;
  const seq = numberOf(attributes[ATTR.runSeq]);
  return {
    event: record.eventName,
    runId,
    rank: wholeOf(of(ATTR.rank), 0),
    seq: seq !== undefined && Number.isSafeInteger(seq) && seq >= 0 ? seq : undefined,
    attempt: Math.max(1, wholeOf(of(ATTR.runAttempt), 1)),
    time: nanos === 0n ? arrival : millisOf(nanos),
    arrival,
    resource,
    attributes,
    body: record.body,
    severityNumber: record.severityNumber,
  };
}

/** Nanoseconds to milliseconds with the fraction that a double holds. */
export function millisOf(nanos: bigint): number {
  const millis = nanos / 1_000_000n;
  return Number(millis) + Number(nanos - millis * 1_000_000n) / 1e6;
}

export function wholeOf(value: AttributeValue | undefined, otherwise: number): number {
  const number = numberOf(value);
  return number !== undefined && Number.isSafeInteger(number) && number >= 0 ? number : otherwise;
}

/** Body of a step: key to value, nested maps joined by `/`; what is no number is left out and counted. */
export function readStepValues(body: AttributeValue): {
  values: [key: string, value: number][];
  skipped: number;
} {
  const values: [string, number][] = [];
  let skipped = 0;
  const walk = (value: AttributeValue, key: string): void => {
    if (isMap(value)) {
      for (const name of Object.keys(value)) walk(value[name]!, key === '' ? name : `${key}/${name}`);
      return;
    }
    const number = typeof value === 'boolean' ? Number(value) : numberOf(value);
    if (number === undefined || key === '') skipped++;
    else values.push([key, number]);
  };
  if (body !== null && body !== undefined) walk(body, '');
  return { values, skipped };
}

/** A map attribute or body as JSON; JSON text is parsed (the OpenTelemetry SDKs flatten no maps in attributes). */
export function readMap(value: AttributeValue | undefined): Record<string, JsonValue> {
  if (isMap(value)) return toJson(value) as Record<string, JsonValue>;
  if (typeof value === 'string' && value.startsWith('{')) {
    try {
      return JSON.parse(value) as Record<string, JsonValue>;
    } catch {
      return {};
    }
  }
  // A list of tags, as trackers have them.
  if (Array.isArray(value)) return Object.fromEntries(value.map((tag) => [textOf(tag) ?? '', true]));
  return {};
}

/** What a resource says of its machine. */
export function readMachine(resource: Attributes): Record<string, JsonValue> {
  return Object.fromEntries(
    MACHINE_ATTRIBUTES.flatMap((name) => {
      const value = resource[name];
      return value === undefined ? [] : [[name, toJson(value)]];
    }),
  );
}

/** A map attribute, given whole or key by key (`llm.run.tags.team`: SDKs whose attributes are flat). */
export function readMapAttribute(attributes: Attributes, name: string): Record<string, JsonValue> {
  const map = readMap(attributes[name]);
  for (const key of Object.keys(attributes)) {
    if (key.startsWith(`${name}.`)) map[key.slice(name.length + 1)] = toJson(attributes[key]!);
  }
  return map;
}

function isMap(value: AttributeValue | undefined): value is Attributes {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}
