import { type Context, context } from '@opentelemetry/api';
import type { Outcome } from '../../conventions/index.ts';
import type { Generation } from './generation.ts';

/**
 * What a program gets when recording could not be started (a broken span processor, options that are none): it takes
 * every call and records nothing, so that the program's reply goes on.
 */
export class InertGeneration implements Generation {
  readonly context: Context = context.active();
  readonly ended = true;
  readonly outcome: Outcome | undefined = undefined;
  queueEnd(): void {}
  firstByte(): void {}
  firstToken(): void {}
  tokens(): void {}
  chunk(): void {}
  update(): void {}
  end(): void {}
  fail(): void {}
  abort(): void {}
  discard(): void {}
  track<T>(stream: ReadableStream<T>): ReadableStream<T>;
  track<T>(stream: AsyncIterable<T>): AsyncIterableIterator<T>;
  track<T>(stream: AsyncIterable<T> | ReadableStream<T>): AsyncIterableIterator<T> | ReadableStream<T> {
    if ('getReader' in stream) return stream;
    const source = stream[Symbol.asyncIterator]();
    const passed: AsyncIterableIterator<T> = {
      next: (...values) => source.next(...values),
      return: async (value?: unknown) => source.return?.(value) ?? { done: true, value },
      throw: async (error?: unknown) => {
        if (source.throw) return source.throw(error);
        throw error;
      },
      [Symbol.asyncIterator]: () => passed,
    };
    return passed;
  }
}
