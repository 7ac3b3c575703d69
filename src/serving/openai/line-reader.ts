/** Characters that one line may hold; a longer one is skipped and counted. */
const MAX_LINE_LENGTH = 1024 * 1024;

/** Gives the lines of a text that comes in any pieces (JSON lines); empty ones are left out. Memory is bounded. */
export class LineReader {
  /** Lines that were skipped since they were too long. */
  skipped = 0;
  readonly #onLine: (line: string) => void;
  #rest = '';
  #tooLong = false;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(text: string): void {
    let at = 0;
    for (let newline = text.indexOf('\n'); newline >= 0; newline = text.indexOf('\n', at)) {
      this.#append(text.slice(at, newline));
      this.end();
      at = newline + 1;
    }
    this.#append(text.slice(at));
  }

  /** Ends the line under way. */
  end(): void {
    const line = this.#rest.trim();
    this.#rest = '';
    this.#tooLong = false;
    if (line !== '') this.#onLine(line);
  }

  #append(piece: string): void {
    if (this.#tooLong) return;
    if (this.#rest.length + piece.length > MAX_LINE_LENGTH) {
      this.#tooLong = true;
      this.skipped++;
      this.#rest = '';
      return;
    }
    this.#rest += piece;
  }
}
