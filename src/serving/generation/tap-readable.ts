/** Hears what happens to a stream that passes. None of its methods may throw. */
export interface StreamTap<T> {
  chunk(chunk: T): void;
  done(): void;
  failed(error: unknown): void;
  /** The consumer does not want the rest. */
  cancelled(reason: unknown): void;
}

/**
 * Passes a `ReadableStream` through and tells `tap`. Pull-driven with a high-water mark of 0: nothing is read from the
 * source before the consumer asks, so back-pressure stays as it was. A byte stream stays one (BYOB readers work).
 * Cancel goes to the source with its reason; an error comes out as it came in. The source must not be locked.
 */
export function tapReadable<T>(stream: ReadableStream<T>, tap: StreamTap<T>): ReadableStream<T> {
  return isByteStream(stream)
    ? (tapBytes(
        stream as unknown as ReadableStream<Uint8Array>,
        tap as unknown as StreamTap<Uint8Array>,
      ) as unknown as ReadableStream<T>)
    : tapValues(stream, tap);
}

function tapValues<T>(stream: ReadableStream<T>, tap: StreamTap<T>): ReadableStream<T> {
  const reader = stream.getReader();
  return new ReadableStream<T>(
    {
      async pull(controller) {
        let result: Awaited<ReturnType<typeof reader.read>>;
        try {
          result = await reader.read();
        } catch (error) {
          tap.failed(error);
          throw error;
        }
        if (result.done) {
          tap.done();
          controller.close();
        } else {
          tap.chunk(result.value);
          controller.enqueue(result.value);
        }
      },
      cancel(reason) {
        tap.cancelled(reason);
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

type Reader =
  | { readonly mode: 'default'; readonly reader: ReadableStreamDefaultReader<Uint8Array> }
  | { readonly mode: 'byob'; readonly reader: ReadableStreamBYOBReader };

/** Reads into the consumer's own buffer when it gives one, as the source would have (cf. the Streams standard, tee of byte streams). */
function tapBytes(
  stream: ReadableStream<Uint8Array>,
  tap: StreamTap<Uint8Array>,
): ReadableStream<Uint8Array> {
  let current: Reader = { mode: 'default', reader: stream.getReader() };
  const defaultReader = (): ReadableStreamDefaultReader<Uint8Array> => {
    if (current.mode === 'byob') {
      current.reader.releaseLock();
      current = { mode: 'default', reader: stream.getReader() };
    }
    return current.reader;
  };
  const byobReader = (): ReadableStreamBYOBReader => {
    if (current.mode === 'default') {
      current.reader.releaseLock();
      current = { mode: 'byob', reader: stream.getReader({ mode: 'byob' }) };
    }
    return current.reader;
  };
  return new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      const request = controller.byobRequest;
      try {
        if (request?.view) {
          const { done, value } = await byobReader().read(request.view as Uint8Array<ArrayBuffer>);
          if (done) {
            tap.done();
            controller.close();
            if (value) request.respondWithNewView(value);
            else request.respond(0);
          } else {
            tap.chunk(value);
            request.respondWithNewView(value);
          }
          return;
        }
        const { done, value } = await defaultReader().read();
        if (done) {
          tap.done();
          controller.close();
          controller.byobRequest?.respond(0);
        } else {
          tap.chunk(value);
          controller.enqueue(value);
        }
      } catch (error) {
        tap.failed(error);
        throw error;
      }
    },
    cancel(reason) {
      tap.cancelled(reason);
      return current.reader.cancel(reason);
    },
  });
}

function isByteStream(stream: ReadableStream<unknown>): boolean {
  try {
    (stream as ReadableStream<Uint8Array>).getReader({ mode: 'byob' }).releaseLock();
    return true;
  } catch {
    return false;
  }
}
