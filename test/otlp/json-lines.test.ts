import { describe, expect, it } from 'vitest';
import { OtlpDecodeError, readJsonLines } from '../../src/otlp/index.ts';

const metrics = '{"resourceMetrics":[{"scopeMetrics":[]}]}';
const traces = '{"resourceSpans":[]}';
const logs = '{ "other": 1, "resourceLogs": [] }';
const read = (text: string) => readJsonLines(Buffer.from(text));

describe('JSON lines of the Collector', () => {
  it('tell their signal by their key, blank lines and line ends of Windows allowed', () => {
    const result = read(`${metrics}\n\n${traces}\r\n${logs}\n`);
    expect(result.requests.map(({ signal }) => signal)).toEqual(['metrics', 'traces', 'logs']);
    expect(result.torn).toBe(false);
  });

  it('are read up to a torn last line, from which one can read on', () => {
    const text = `${metrics}\n${traces.slice(0, 7)}`;
    expect(read(text)).toMatchObject({ bytesRead: metrics.length + 1, torn: true });
    expect(read(`${metrics}\n${traces}`)).toMatchObject({ requests: [{}, {}], torn: false });
  });

  it('name the line that is no request', () => {
    expect(() => read(`${metrics}\n{"resourceSpans":7}\n`)).toThrow(/^line 2: .*expected an array/);
    expect(() => read(`${metrics}\n{"spans":[]}\n`)).toThrow(OtlpDecodeError);
    expect(() => read('oops\n')).toThrow(/^line 1: OTLP JSON: the line is not JSON/);
  });
});
