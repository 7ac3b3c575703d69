import { crc32 } from 'node:zlib';
import { ATTR, EVENT } from '../../conventions/index.ts';

/** What a run event may hold. Numbers are doubles: NaN, infinities and -0 are kept. */
export type PlainValue = string | number | boolean | null | PlainValue[] | { [key: string]: PlainValue };
export type PlainMap = { [key: string]: PlainValue };

/** One run event as the journal keeps it. `seq` is part of the identity and is not repeated in `attributes`. */
export interface JournalRecord {
  seq: number;
  /** Milliseconds since the epoch, with fraction; fixed when the record was made. */
  time: number;
  /** A name of `EVENT`. */
  event: string;
  /** OpenTelemetry severity number; 9 (INFO) when absent. */
  severity?: number;
  attributes: PlainMap;
  body: PlainMap | string;
}

/**
 * The journal's lines: one JSON object a line, its last member `crc` the CRC-32 (of zlib, eight hexadecimal digits)
 * of the line's UTF-8 bytes before `,"crc"`. Any JSON reader can read it; who wants to be sure checks the sum.
 *
 * JSON has no NaN and no infinities: in the body of a step they are the strings "NaN", "Infinity", "-Infinity" (a
 * step's values are numbers only), elsewhere `{"$number":"NaN"}`. A key that starts with `$` gets one more `$`.
 * -0 is `-0.0`. All else is the shortest decimal that gives the same double back.
 */
const CRC_LENGTH = ',"crc":"00000000"}'.length;

/** Closes an object that still lacks its `}`: adds the checksum and the line end. */
export function sealLine(open: string): string {
  return `${open},"crc":"${crc32(open).toString(16).padStart(8, '0')}"}\n`;
}

/** The object of a line (without its line end), or undefined when the line is torn or damaged. */
export function openLine(line: string): Record<string, unknown> | undefined {
  const end = line.length - CRC_LENGTH;
  if (end <= 0 || !line.startsWith(',"crc":"', end) || !line.endsWith('"}')) return undefined;
  const open = line.slice(0, end);
  if (crc32(open) !== Number.parseInt(line.slice(end + 8, end + 16), 16)) return undefined;
  try {
    return JSON.parse(`${open}}`) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** A finite number, exact. */
export function numberText(value: number): string {
  return value === 0 && Object.is(value, -0) ? '-0.0' : `${value}`;
}

/** A value of a step: non-finite ones as strings. */
export function stepValueText(value: number): string {
  if (value - value === 0) return numberText(value);
  return value !== value ? '"NaN"' : value > 0 ? '"Infinity"' : '"-Infinity"';
}

const NON_FINITE: Readonly<Record<string, number>> = { NaN: Number.NaN, Infinity, '-Infinity': -Infinity };

function valueText(value: PlainValue): string {
  switch (typeof value) {
    case 'number':
      return value - value === 0 ? numberText(value) : `{"$number":"${value}"}`;
    case 'object': {
      if (value === null) return 'null';
      if (Array.isArray(value)) return `[${value.map(valueText).join(',')}]`;
      let text = '';
      for (const key of Object.keys(value)) {
        const name = key.startsWith('$') ? `$${key}` : key;
        text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${valueText(value[key] as PlainValue)}`;
      }
      return `{${text}}`;
    }
    default:
      return JSON.stringify(value);
  }
}

function valueOf(parsed: unknown): PlainValue {
  if (Array.isArray(parsed)) return parsed.map(valueOf);
  if (typeof parsed !== 'object' || parsed === null) return parsed as PlainValue;
  const entries = Object.entries(parsed);
  if (entries.length === 1 && entries[0]?.[0] === '$number')
    return NON_FINITE[String(entries[0][1])] ?? Number.NaN;
  // fromEntries defines properties, so that a key `__proto__` is a key like any other
  return Object.fromEntries(
    entries.map(([key, value]) => [key.startsWith('$$') ? key.slice(1) : key, valueOf(value)]),
  );
}

/** A line of any event but a step. */
export function encodeRecord(record: JournalRecord): string {
  if (record.event === EVENT.trainingStep && typeof record.body === 'object')
    return encodeStepRecord(record, record.body);
  const severity = record.severity === undefined ? '' : `,"severity":${record.severity}`;
  return sealLine(
    `{"seq":${record.seq},"time":${record.time},"event":${JSON.stringify(record.event)}${severity},"attributes":${valueText(record.attributes)},"body":${valueText(record.body)}`,
  );
}

function encodeStepRecord(record: JournalRecord, body: PlainMap): string {
  const members = Object.keys(body).map(
    (key) => `${JSON.stringify(key)}:${stepValueText(body[key] as number)}`,
  );
  return sealLine(
    `{"seq":${record.seq},"time":${record.time},"event":"${EVENT.trainingStep}","attributes":${valueText(record.attributes)},"body":{${members.join(',')}}`,
  );
}

/** The record of a line's object, or undefined when it is something else (a segment's header). */
export function decodeRecord(object: Record<string, unknown>): JournalRecord | undefined {
  const { seq, time, event, severity, attributes, body } = object;
  if (typeof seq !== 'number' || typeof time !== 'number' || typeof event !== 'string') return undefined;
  return {
    seq,
    time,
    event,
    ...(typeof severity === 'number' ? { severity } : {}),
    attributes: valueOf(attributes ?? {}) as PlainMap,
    body: event === EVENT.trainingStep ? stepBody(body) : (valueOf(body ?? {}) as PlainMap | string),
  };
}

function stepBody(parsed: unknown): PlainMap {
  const entries = Object.entries((parsed ?? {}) as Record<string, unknown>);
  return Object.fromEntries(
    entries.map(([key, value]) => [
      key,
      typeof value === 'number' ? value : (NON_FINITE[String(value)] ?? Number.NaN),
    ]),
  );
}

/** The step number of a step event. */
export function stepOf(record: JournalRecord): number | undefined {
  const step = record.attributes[ATTR.trainingStep];
  return typeof step === 'number' ? step : undefined;
}
