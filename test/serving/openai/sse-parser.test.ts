import { array, assert, constantFrom, nat, property, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SseEvent, SseParser } from '../../../src/serving/openai/sse-parser.ts';

function parse(pieces: string[], limit?: number) {
  const events: SseEvent[] = [];
  const parser = new SseParser((event) => events.push(event), limit);
  for (const piece of pieces) parser.push(piece);
  parser.end();
  return { events, skipped: parser.skipped };
}
const data = (...pieces: string[]) => parse(pieces).events.map((event) => event.data);

describe('an event stream', () => {
  it('gives the data of each event', () => {
    expect(data('data: a\n\ndata: b\n\n')).toEqual(['a', 'b']);
  });
  it('joins the lines of an event and keeps empty ones', () => {
    expect(data('data: a\ndata:\ndata: b\n\n')).toEqual(['a\n\nb']);
  });
  it('takes one space after the colon away, not two', () => {
    expect(data('data:a\n\ndata:  b\n\n')).toEqual(['a', ' b']);
  });
  it('knows LF, CR and CRLF as line ends, also between two pieces', () => {
    expect(data('data: a\r\rdata: b\r\n\r\ndata: c\n\n')).toEqual(['a', 'b', 'c']);
    expect(data('data: a\r', '\n\r', '\ndata: b\r', '\rdata: c\n\n')).toEqual(['a', 'b', 'c']);
  });
  it('leaves comments, other fields and events without data out', () => {
    expect(data(': keep-alive\n\nid: 7\nretry: 10\n\nevent: ping\n\ndata: a\n\n')).toEqual(['a']);
  });
  it('gives the name of an event, for that event only', () => {
    expect(parse(['event: error\ndata: a\n\ndata: b\n\n']).events).toEqual([
      { event: 'error', data: 'a' },
      { event: '', data: 'b' },
    ]);
  });
  it('skips a byte order mark at its beginning only', () => {
    expect(data('\uFEFFdata: a\n\n')).toEqual(['a']);
    expect(data('data: a\n\n\uFEFFdata: b\n\n')).toEqual(['a']);
  });
  it('gives an event whose last empty line is missing when the stream ends', () => {
    expect(data('data: a\n\ndata: b')).toEqual(['a', 'b']);
  });
  it('skips an event beyond the limit to its end and counts it', () => {
    const { events, skipped } = parse(
      ['data: ', 'x'.repeat(50), '\ndata: y\n', 'data: z\n\ndata: ok\n\n'],
      20,
    );
    expect(events.map((event) => event.data)).toEqual(['ok']);
    expect(skipped).toBe(1);
  });
  it('does not add up events that are each within the limit', () => {
    expect(parse(['data: 0123456789\n\n'.repeat(100)], 20)).toMatchObject({ skipped: 0 });
  });
  it('gives the same events however the stream is cut', () => {
    const line = constantFrom('data: x', 'data: {"a":1}', ': c', 'event: e', 'data', '', '', 'id: 1');
    const ending = constantFrom('\n', '\r', '\r\n');
    assert(
      property(
        array(tuple(line, ending), { maxLength: 30 }),
        array(nat(200), { maxLength: 20 }),
        (lines, cuts) => {
          const text = lines.map(([content, end]) => content + end).join('');
          const at = [...new Set(cuts.filter((cut) => cut < text.length))].sort((a, b) => a - b);
          const pieces = [0, ...at].map((from, i) => text.slice(from, at[i]));
          expect(parse(pieces).events).toEqual(parse([text]).events);
        },
      ),
    );
  });
});
