import { parseJson } from './json-values.ts';
import { LineReader } from './line-reader.ts';
import { readReply, type ReplyFacts } from './reply-facts.ts';
import { SseParser } from './sse-parser.ts';

/** A JSON reply beyond this is not read: its usage stays unknown. */
const MAX_JSON_LENGTH = 4 * 1024 * 1024;

type Format = 'unknown' | 'sse' | 'lines' | 'json';

export interface ReplyReaderOptions {
  contentType: string | undefined;
  /** Called for every event of a stream that holds content, with the time at which its piece was written. */
  onContent(at: number): void;
  facts: ReplyFacts;
}

/** Reads a decoded reply in any pieces: server-sent events, JSON lines, or one JSON body. */
export class ReplyReader {
  /** Pieces of the reply that were too long to be read. */
  skipped = 0;
  readonly #options: ReplyReaderOptions;
  readonly #decoder = new TextDecoder('utf-8');
  readonly #sse: SseParser;
  readonly #lines: LineReader;
  #format: Format;
  #pendingBytes = false;
  #text = '';
  #at = 0;

  constructor(options: ReplyReaderOptions) {
    this.#options = options;
    this.#format = formatOf(options.contentType);
    const take = (text: string) => {
      if (readReply(parseJson(text), options.facts)) options.onContent(this.#at);
    };
    this.#sse = new SseParser(({ event, data }) => {
      if (data === '[DONE]') {
        options.facts.done = true;
        return;
      }
      take(data);
      if (event === 'error') options.facts.error ??= { type: 'error', message: '' };
    });
    this.#lines = new LineReader(take);
  }

  push(chunk: Uint8Array | string, at: number): void {
    this.#at = at;
    // A string cannot complete a character that a piece of bytes began, unless the program is broken.
    const text =
      typeof chunk === 'string' && !this.#pendingBytes
        ? chunk
        : this.#decoder.decode(typeof chunk === 'string' ? Buffer.from(chunk) : chunk, { stream: true });
    if (typeof chunk !== 'string') this.#pendingBytes = (chunk.at(-1) ?? 0) >= 0x80;
    if (text === '') return;
    this.#feed(text);
  }

  /** The reply has ended: what is left is read. */
  end(): void {
    const rest = this.#decoder.decode();
    if (rest !== '') this.#feed(rest);
    if (this.#format === 'sse') this.#sse.end();
    else if (this.#format === 'lines') this.#lines.end();
    else if (this.#text !== '') readReply(parseJson(this.#text), this.#options.facts);
    this.#text = '';
    this.skipped += this.#sse.skipped + this.#lines.skipped;
  }

  #feed(text: string): void {
    switch (this.#format) {
      case 'sse':
        this.#sse.push(text);
        return;
      case 'lines':
        this.#lines.push(text);
        return;
      case 'json':
        this.#collect(text);
        return;
      case 'unknown':
        this.#sniff(text);
    }
  }

  /** Without a telling content type: a stream of events begins with a field name or a comment, JSON with a bracket. */
  #sniff(text: string): void {
    this.#text += text;
    const start = this.#text.trimStart();
    if (start.length < 6 && !/^[{["]/.test(start)) return;
    this.#format = /^(?:data:|event:|id:|retry:|:)/.test(start) ? 'sse' : 'json';
    const begun = this.#text;
    this.#text = '';
    this.#feed(begun);
  }

  #collect(text: string): void {
    if (this.skipped > 0) return;
    if (this.#text.length + text.length > MAX_JSON_LENGTH) {
      this.skipped = 1;
      this.#text = '';
      return;
    }
    this.#text += text;
  }
}

function formatOf(contentType: string | undefined): Format {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === 'text/event-stream') return 'sse';
  if (/^application\/(?:x-)?(?:ndjson|jsonl|jsonlines|json-lines)$/.test(type)) return 'lines';
  if (type === 'application/json' || type.endsWith('+json')) return 'json';
  return 'unknown';
}
