import type { IncomingMessage } from 'node:http';
import { decompress, decompressorOf } from './encoding.ts';
import type { Lease } from './in-flight.ts';
import type { ReceiverLimits } from './limits.ts';
import { HangUp, Refusal } from './refusal.ts';

/** Charged for a request beside its body, so that many empty ones count too. */
const OVERHEAD_BYTES = 4096;

export interface ReceivedBody {
  bytes: Uint8Array;
  /** Bytes as they came, before decompression. */
  wireBytes: number;
}

/**
 * Reads a body within the limits and decompresses it.
 * @throws Refusal for what the sender is told, HangUp when it went away.
 */
export async function readBody(
  req: IncomingMessage,
  limits: ReceiverLimits,
  lease: Lease,
): Promise<ReceivedBody> {
  const make = decompressorOf(req.headers['content-encoding']);
  const wireLimit = make === undefined ? limits.bytes : limits.compressedBytes;
  const declared = Number(req.headers['content-length'] ?? 0);
  if (declared > wireLimit) throw tooLarge(declared, wireLimit, make !== undefined);
  const overloaded = (): Refusal =>
    new Refusal('overloaded', 'the hub is receiving more than it can hold; send again later', {
      'Retry-After': String(limits.retryAfterSeconds),
    });
  // A declared length is only looked at: were it held, a few senders that never send could block all others.
  if (!lease.allows(OVERHEAD_BYTES + declared) || !lease.grow(OVERHEAD_BYTES)) throw overloaded();
  const wire = await collect(req, limits.bodyTimeoutMs, (total) => {
    if (total > wireLimit) throw tooLarge(total, wireLimit, make !== undefined);
    if (!lease.growTo(OVERHEAD_BYTES + total)) throw overloaded();
  });
  if (make === undefined) return { bytes: wire, wireBytes: wire.length };
  const bytes = await decompress(make, wire, (total) => {
    if (total > limits.bytes) {
      throw new Refusal('tooLarge', `the body decompresses to more than ${limits.bytes} bytes`);
    }
    if (!lease.growTo(OVERHEAD_BYTES + wire.length + total)) throw overloaded();
  });
  return { bytes, wireBytes: wire.length };
}

function tooLarge(size: number, limit: number, compressed: boolean): Refusal {
  const what = compressed ? 'compressed body' : 'body';
  return new Refusal('tooLarge', `the ${what} has ${size} bytes or more; at most ${limit} are accepted`);
}

/** All pieces of a body in one buffer; `admit` gets the size so far and throws when it is too much. */
function collect(req: IncomingMessage, timeoutMs: number, admit: (total: number) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let total = 0;
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      req.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      settle();
    };
    const fail = (error: Error): void =>
      finish(() => {
        // A late error of the socket has no other listener.
        req.on('error', () => {});
        reject(error);
      });
    const onData = (piece: Buffer): void => {
      total += piece.length;
      try {
        admit(total);
      } catch (error) {
        fail(error as Error);
        return;
      }
      pieces.push(piece);
    };
    const onEnd = (): void =>
      finish(() => resolve(pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces, total)));
    const onGone = (): void => fail(new HangUp('the sender closed the connection in the middle of its body'));
    const timer = setTimeout(
      () => fail(new Refusal('tooSlow', `the body did not arrive within ${timeoutMs} ms`)),
      timeoutMs,
    );
    req.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}

/**
 * Reads on after a refusal, so that the sender gets to read the answer instead of a broken pipe, but not for ever: past
 * the bytes or the time the connection is closed.
 */
export function discardRest(req: IncomingMessage, limits: ReceiverLimits): void {
  if (req.complete || req.destroyed) return;
  let left = limits.discardBytes;
  const timer = setTimeout(() => req.socket.destroy(), limits.bodyTimeoutMs);
  timer.unref();
  req.on('data', (piece: Buffer) => {
    left -= piece.length;
    if (left < 0) req.socket.destroy();
  });
  req.on('error', () => {});
  req.once('close', () => clearTimeout(timer));
  req.resume();
}
