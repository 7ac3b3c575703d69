import { OtlpDecodeError } from './decode-error.ts';
import { decodeRequest } from './decode.ts';
import type { OtlpRequest, Signal } from './model.ts';

/** First key of a line by signal: the Collector's file exporter writes the three request kinds bare. */
const SIGNAL_KEYS: readonly (readonly [key: string, signal: Signal])[] = [
  ['resourceMetrics', 'metrics'],
  ['resourceSpans', 'traces'],
  ['resourceLogs', 'logs'],
];

export interface JsonLinesResult {
  requests: OtlpRequest[];
  /** Bytes read up to the end of the last whole line; reading on from here misses nothing. */
  bytesRead: number;
  /** True when the text ended in the middle of a line: the writer was killed, or is still at it. */
  torn: boolean;
}

/**
 * Reads the Collector's file exporter format: one OTLP JSON request a line, any signal. A torn last line is left
 * for later (or for good, when its writer is dead).
 * @throws OtlpDecodeError naming the line, for a whole line that is not an OTLP request.
 */
export function readJsonLines(bytes: Uint8Array): JsonLinesResult {
  const requests: OtlpRequest[] = [];
  let start = 0;
  for (let line = 1; ; line++) {
    const end = bytes.indexOf(0x0a, start);
    if (end < 0) break;
    const text = bytes.subarray(start, end);
    if (text.some((byte) => byte > 0x20)) requests.push(readLine(text, line));
    start = end + 1;
  }
  const rest = bytes.subarray(start);
  if (rest.length > 0) {
    // A last line without its newline is whole when it parses: a cut JSON object never does.
    try {
      requests.push(readLine(rest, -1));
      return { requests, bytesRead: bytes.length, torn: false };
    } catch (error) {
      if (!(error instanceof OtlpDecodeError)) throw error;
    }
  }
  return { requests, bytesRead: start, torn: rest.length > 0 };
}

function readLine(bytes: Uint8Array, line: number): OtlpRequest {
  try {
    const head = new TextDecoder().decode(bytes.subarray(0, 4096));
    const found = SIGNAL_KEYS.find(([key]) => head.trimStart().startsWith(`{"${key}"`));
    if (found !== undefined) return decodeRequest(found[1], 'application/json', bytes);
    // Another writer may put spaces or other keys first.
    const object = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown> | null;
    const other = SIGNAL_KEYS.find(([key]) => typeof object === 'object' && object !== null && key in object);
    if (other === undefined) {
      throw new OtlpDecodeError('OTLP JSON: expected resourceMetrics, resourceSpans or resourceLogs');
    }
    return decodeRequest(other[1], 'application/json', bytes);
  } catch (error) {
    const reason = error instanceof OtlpDecodeError ? error.message : 'OTLP JSON: the line is not JSON';
    throw new OtlpDecodeError(`line ${line}: ${reason}`);
  }
}
