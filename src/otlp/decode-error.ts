/** Thrown for data that are not what OTLP asks; the message says what is wrong and at which byte or JSON path. */
export class OtlpDecodeError extends Error {
  override name = 'OtlpDecodeError';
}
