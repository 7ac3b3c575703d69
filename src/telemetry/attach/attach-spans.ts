import type { TracerProvider } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node';
import type { Attachment } from './attachment.ts';
import { addSpanProcessor, exporterUrls, sameReceiver } from './foreign-provider.ts';

export interface AttachOptions {
  /** Full URL that our spans would go to. */
  readonly url: string;
  /** Was our receiver named in code, and so meant beside theirs? A variable names theirs as well. */
  readonly asked: boolean;
  /** Made only when it is added. */
  createProcessor(): SpanProcessor;
}

/**
 * Lets the spans of another SDK go to our receiver too, when that can be done and does not send them there twice.
 */
export function attachSpans(provider: TracerProvider, options: AttachOptions): Attachment {
  const name = provider.constructor?.name ?? 'TracerProvider';
  const theirs = exporterUrls(provider);
  if (theirs?.some((url) => sameReceiver(url, options.url)))
    return { added: false, why: `its spans already go to ${options.url}` };
  if (theirs === undefined && !options.asked)
    return {
      added: false,
      why: `its spans go where ${name} sends them; where that is cannot be seen, so they are not sent to ${options.url} as well (startTelemetry({endpoint}) asks for it)`,
    };
  if (addSpanProcessor(provider, options.createProcessor()))
    return { added: true, why: `its spans go to ${options.url} as well` };
  return {
    added: false,
    why: `its spans go where ${name} sends them; a span processor cannot be added to it, so they do not reach ${options.url}. To have them there, add an OTLP exporter for it to that SDK`,
  };
}
