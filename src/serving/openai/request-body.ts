import { parseJson } from './json-values.ts';
import { readRequest, type RequestFacts } from './request-facts.ts';
import { TopLevelScanner } from './top-level-scanner.ts';

/** Beyond this a body is not parsed whole (images in base64): it would hold up the loop a second time. */
const MAX_PARSED_BYTES = 1024 * 1024;

/** A request body as it passes: kept up to a bound, beyond it scanned for its top-level parameters. */
export class RequestBody {
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #scanner: TopLevelScanner | undefined;

  push(chunk: Uint8Array): void {
    this.#bytes += chunk.byteLength;
    if (this.#scanner) {
      this.#scanner.push(chunk);
      return;
    }
    this.#chunks.push(chunk);
    if (this.#bytes > MAX_PARSED_BYTES) {
      this.#scanner = new TopLevelScanner();
      for (const kept of this.#chunks) this.#scanner.push(kept);
      this.#chunks = [];
    }
  }

  /** What the body says, and the parsed body when it was small enough. Empty facts for what is not JSON. */
  read(): { facts: RequestFacts; body: unknown } {
    if (this.#scanner) return { facts: readRequest(this.#scanner.values), body: undefined };
    const bytes = Buffer.concat(this.#chunks);
    this.#chunks = [];
    const body = parseJson(bytes.toString('utf8'));
    if (body !== undefined || bytes.length === 0) return { facts: readRequest(body), body };
    // Cut off, since the program answered before all of it had come: what is there counts.
    const scanner = new TopLevelScanner();
    scanner.push(bytes);
    return { facts: readRequest(scanner.values), body: undefined };
  }
}
