/** A question whose answer would not fit in memory. The message says how to ask for less. */
export class AnswerTooLargeError extends Error {
  override name = 'AnswerTooLargeError';
}
