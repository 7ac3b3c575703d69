import { diag } from '@opentelemetry/api';
import { chunkRecorder, type TokensOf, type TrackedGeneration } from './track-chunk.ts';

/**
 * Passes a `ReadableStream` through and records it. Pull-driven with a high-water mark of 0: nothing is read from the
 * source before the consumer asks, so back-pressure stays as it was. A byte stream stays one (BYOB readers work).
 * Cancel goes to the source with its reason; an error comes out as it came in.
 */
export function trackReadable<T>(
  stream: ReadableStream<T>,
  generation: TrackedGeneration,
  tokensOf: TokensOf<T> | undefined,
): ReadableStream<T> {
  if (stream.locked) {
    diag.warn('llm-otel: track() was given a stream that is already being read; it is not recorded.');
    return stream;
  }
  const record = chunkRecorder(generation, tokensOf);
  return isByteStream(stream)
    ? (trackBytes(stream as unknown as ReadableStream<Uint8Array>, generation, (chunk) =>
        record(chunk as T),
      ) as unknown as ReadableStream<T>)
    : trackValues(stream, generation, record);
}

function trackValues<T>(
  stream: ReadableStream<T>,
  generation: TrackedGeneration,
  record: (chunk: T) => void,
): ReadableStream<T> {
  const reader = stream.getReader();
  return new ReadableStream<T>(
    {
      async pull(controller) {
        let result: Awaited<ReturnType<typeof reader.read>>;
        try {
          result = await reader.read();
        } catch (error) {
          generation.fail(error);
          throw error;
        }
        if (result.done) {
          generation.end();
          controller.close();
        } else {
          record(result.value);
          controller.enqueue(result.value);
        }
      },
      cancel(reason) {
        generation.stopReading();
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
function trackBytes(
  stream: ReadableStream<Uint8Array>,
  generation: TrackedGeneration,
  record: (chunk: Uint8Array) => void,
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
            generation.end();
            controller.close();
            if (value) request.respondWithNewView(value);
            else request.respond(0);
          } else {
            record(value);
            request.respondWithNewView(value);
          }
          return;
        }
        const { done, value } = await defaultReader().read();
        if (done) {
          generation.end();
          controller.close();
          controller.byobRequest?.respond(0);
        } else {
          record(value);
          controller.enqueue(value);
        }
      } catch (error) {
        generation.fail(error);
        throw error;
      }
    },
    cancel(reason) {
      generation.stopReading();
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
