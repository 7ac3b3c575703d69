import type { Outcome } from '../../conventions/index.ts';

/** Finish reasons that mean "the token limit was reached", of the common interfaces (OpenAI chat and responses, Anthropic, Gemini, Cohere). */
const LIMIT_REASONS: ReadonlySet<string> = new Set([
  'length',
  'max_tokens',
  'max_output_tokens',
  'model_length',
  'MAX_TOKENS',
]);

/** Names and codes of an error that says that the work was called off on purpose. A timeout has another name. */
const ABORT_NAMES: ReadonlySet<string> = new Set(['AbortError', 'APIUserAbortError', 'ABORT_ERR']);

/** OpenTelemetry's fallback for an error that has no usable name. */
const OTHER = '_OTHER';
const MAX_LENGTH = 120;

/** A generation that ended well: `length` when one of its choices hit the limit. */
export function outcomeOf(finishReasons: readonly string[] | undefined): Outcome {
  return finishReasons?.some((reason) => LIMIT_REASONS.has(reason)) ? 'length' : 'completed';
}

/** `error.type` of whatever was thrown: its name, else its code, else its class. Never its message, which differs each time. */
export function errorTypeOf(error: unknown): string {
  if (typeof error === 'string' || typeof error !== 'object' || error === null) return OTHER;
  const { name, code } = error as { name?: unknown; code?: unknown };
  if (typeof name === 'string' && name !== '' && name !== 'Error') return name.slice(0, MAX_LENGTH);
  if (typeof code === 'string' && code !== '') return code.slice(0, MAX_LENGTH);
  if (typeof code === 'number') return String(code);
  const constructor = (error as { constructor?: { name?: unknown } }).constructor?.name;
  if (typeof constructor === 'string' && constructor !== '' && constructor !== 'Object') {
    return constructor.slice(0, MAX_LENGTH);
  }
  return typeof name === 'string' && name !== '' ? name : OTHER;
}

/** Whether an error is a cancellation (`AbortError` of an AbortSignal): an outcome, not an error. */
export function isAbort(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { name, code } = error as { name?: unknown; code?: unknown };
  if (typeof name === 'string' && ABORT_NAMES.has(name)) return true;
  if (typeof code === 'string' && ABORT_NAMES.has(code)) return true;
  const constructor = (error as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof constructor === 'string' && ABORT_NAMES.has(constructor);
}
