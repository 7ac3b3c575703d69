import type { IncomingMessage, ServerResponse } from 'node:http';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { sendJson } from '../../../src/hub/server/respond.ts';

/** A response whose client takes everything at once: nothing but the sender itself gives the event loop a turn. */
class EagerResponse extends Writable {
  bytes = 0;
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void) {
    this.bytes += chunk.length;
    done();
  }
  writeHead() {
    return this;
  }
}

describe('a large answer', () => {
  it('gives the event loop its turn all along, also to a client that takes everything at once', async () => {
    const response = new EagerResponse();
    const request = { method: 'GET', headers: {} } as IncomingMessage;
    let turns = 0;
    let sent = false;
    const count = () => {
      turns += 1;
      if (!sent) setImmediate(count);
    };
    setImmediate(count);
    const value = Float64Array.from({ length: 400_000 }, (_, i) => i / 3);
    await sendJson(request, response as unknown as ServerResponse, { value });
    sent = true;
    expect(response.bytes).toBeGreaterThan(5_000_000);
    expect(turns).toBeGreaterThan(response.bytes / (600 * 1024));
  });
});
