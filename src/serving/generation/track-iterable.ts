import { ChunkRecorder, type TokensOf, type TrackedGeneration } from './track-chunk.ts';

/**
 * Passes an async iterable through and records it. Not an async generator: that would start the source only at the
 * first `next()`, would queue `return()` behind a pending `next()`, and would hide a source without `return`.
 */
export function trackIterable<T>(
  stream: AsyncIterable<T>,
  generation: TrackedGeneration,
  tokensOf: TokensOf<T> | undefined,
): AsyncIterableIterator<T> {
  const recorder = new ChunkRecorder(generation, tokensOf);
  let source: AsyncIterator<T> | undefined;
  const open = (): AsyncIterator<T> => {
    source ??= stream[Symbol.asyncIterator]();
    return source;
  };
  /** Awaits an answer of the source, records it and hands it on unchanged. */
  const settle = async (
    answer: () => Promise<IteratorResult<T>>,
    onDone: () => void,
  ): Promise<IteratorResult<T>> => {
    let result: IteratorResult<T>;
    try {
      result = await answer();
    } catch (error) {
      recorder.failed(error);
      throw error;
    }
    if (result.done === true) onDone();
    else recorder.record(result.value);
    return result;
  };
  const ended = (): void => recorder.done();
  const stopped = (): void => recorder.stopped();

  return {
    // The source's methods are called as asked, with no queue of our own: order and concurrency stay its business.
    next: (...values) => settle(async () => open().next(...values), ended),
    return: (value?: unknown) => {
      // Decided at once: the source's clean-up may hang or take long, and the consumer has gone.
      recorder.stopped();
      return settle(async () => {
        const iterator = open();
        return iterator.return ? iterator.return(value) : { done: true, value: await value };
      }, stopped);
    },
    throw: (error?: unknown) =>
      settle(async () => {
        const iterator = open();
        if (iterator.throw) return iterator.throw(error);
        await iterator.return?.();
        throw error;
      }, ended),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
