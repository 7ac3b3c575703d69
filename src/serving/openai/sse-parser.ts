/** One event of an event stream. */
export interface SseEvent {
  /** The `event` field; empty when none was given. */
  event: string;
  /** The `data` lines, joined by newlines. */
  data: string;
}

/** Characters that one event may hold; a longer one is skipped and counted. */
const MAX_EVENT_LENGTH = 1024 * 1024;

/**
 * Reads an event stream (HTML standard, "Server-sent events", 9.2.6) from text in any pieces: line ends LF, CR and
 * CRLF, also split between pieces, byte order mark, comments, data of several lines. Memory is bounded: an event
 * beyond the limit is skipped to its end.
 */
export class SseParser {
  /** Events that were skipped since they were too long. */
  skipped = 0;
  readonly #onEvent: (event: SseEvent) => void;
  readonly #limit: number;
  #line = '';
  #event = '';
  #data: string[] = [];
  #length = 0;
  #tooLong = false;
  #skipNewline = false;
  #started = false;

  constructor(onEvent: (event: SseEvent) => void, limit = MAX_EVENT_LENGTH) {
    this.#onEvent = onEvent;
    this.#limit = limit;
  }

  push(text: string): void {
    let at = 0;
    if (!this.#started && text !== '') {
      this.#started = true;
      if (text.charCodeAt(0) === 0xfeff) at = 1;
    }
    if (this.#skipNewline && at < text.length) {
      this.#skipNewline = false;
      if (text.charCodeAt(at) === 10) at++;
    }
    // Most streams hold no CR: then one search a line is enough.
    let carriage = text.indexOf('\r', at);
    while (at < text.length) {
      const newline = text.indexOf('\n', at);
      if (carriage >= 0 && carriage < at) carriage = text.indexOf('\r', at);
      const end = carriage >= 0 && (newline < 0 || carriage < newline) ? carriage : newline;
      if (end < 0) {
        this.#append(text.slice(at));
        return;
      }
      this.#append(text.slice(at, end));
      this.#endLine();
      at = end + 1;
      if (end === carriage) {
        if (at === text.length) this.#skipNewline = true;
        else if (text.charCodeAt(at) === 10) at++;
      }
    }
  }

  /**
   * The stream has ended. The standard drops an event that no empty line closed; servers that forget the last one
   * are common, so it is given here.
   */
  end(): void {
    if (this.#line !== '') this.#endLine();
    this.#dispatch();
  }

  #append(piece: string): void {
    if (piece === '') return;
    this.#length += piece.length;
    if (this.#length <= this.#limit) {
      this.#line += piece;
      return;
    }
    // Not the empty string: an empty line would end the event that is being skipped.
    this.#line = ':';
    if (this.#tooLong) return;
    this.#tooLong = true;
    this.skipped++;
    this.#data = [];
  }

  #endLine(): void {
    const line = this.#line;
    this.#line = '';
    if (line === '') {
      this.#dispatch();
      return;
    }
    if (this.#tooLong || line.charCodeAt(0) === 58 /* : */) return;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const from = colon < 0 ? line.length : line.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1;
    if (field === 'data') this.#data.push(line.slice(from));
    else if (field === 'event') this.#event = line.slice(from);
  }

  #dispatch(): void {
    const data = this.#data;
    const event = this.#event;
    this.#data = [];
    this.#event = '';
    this.#length = 0;
    this.#tooLong = false;
    const [first] = data;
    if (first !== undefined) this.#onEvent({ event, data: data.length === 1 ? first : data.join('\n') });
  }
}
