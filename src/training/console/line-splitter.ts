/** A line that is longer is cut, characters: it is for people, and memory is bounded. */
export const MAX_LINE = 16 * 1024;

const RETURN = 13;

/**
 * Cuts what a program prints into whole lines. A carriage return begins the line anew, as on a terminal: of a progress
 * bar the last state is left. `\r\n` ends a line.
 */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  /** The line that has no end yet. */
  #open = '';
  /** Characters of it that were left out. */
  #cut = 0;
  /** It ends in a carriage return: what comes stands in its place, unless that is the line end. */
  #returned = false;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  add(text: string): void {
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      this.#append(text.slice(start, end));
      this.#give();
      start = end + 1;
    }
    if (start < text.length) this.#append(start === 0 ? text : text.slice(start));
  }

  /** Gives the line that never got an end. */
  end(): void {
    if (this.#open !== '') this.#give();
  }

  #append(part: string): void {
    let end = part.length;
    while (end > 0 && part.charCodeAt(end - 1) === RETURN) end--;
    if (end > 0) {
      const from = part.lastIndexOf('\r', end - 1) + 1;
      if (this.#returned || from > 0) {
        this.#open = '';
        this.#cut = 0;
      }
      this.#returned = false;
      const room = Math.min(end - from, MAX_LINE - this.#open.length);
      this.#open += part.slice(from, from + room);
      this.#cut += end - from - room;
    }
    this.#returned ||= end < part.length;
  }

  #give(): void {
    const line = this.#open;
    const cut = this.#cut;
    this.#open = '';
    this.#cut = 0;
    this.#returned = false;
    this.#onLine(cut > 0 ? `${line} [cut: ${cut} more characters]` : line);
  }
}
