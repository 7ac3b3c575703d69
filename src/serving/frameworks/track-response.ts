import { diag } from '@opentelemetry/api';
import type { Generation } from '../generation/generation.ts';
import { servingSettings } from '../generation/settings.ts';
import { tapReadable } from '../generation/tap-readable.ts';
import type { ReplyFacts } from '../openai/reply-facts.ts';
import { ReplyReader } from '../openai/reply-reader.ts';
import { replyResult } from '../openai/reply-result.ts';

/**
 * Records a Web `Response` as the reply of a generation and gives back one with the same status, headers and bytes. An
 * OpenAI-style reply (server-sent events, JSON lines or JSON) is read: first real delta, usage, finish reasons. The
 * generation ends with the body: well, with its error, or as an abort when it is cancelled.
 *
 * For a reply of `fetch` that is passed on, and for one that this program makes.
 *
 * @example
 * const generation = startGeneration({ model, stream: true, kind: 'client' });
 * return trackResponse(await fetch(upstream, { method: 'POST', body }), generation);
 */
export function trackResponse(response: Response, generation: Generation): Response {
  try {
    return track(response, generation);
  } catch (error) {
    diag.warn(`llm-otel: a response could not be tracked: ${String(error)}`);
    return response;
  }
}

function track(response: Response, generation: Generation): Response {
  const { body, status, statusText, headers } = response;
  if (body?.locked) {
    diag.warn(
      'llm-otel: trackResponse() was given a response that is already being read; it is not recorded.',
    );
    return response;
  }
  const capture = servingSettings().captureContent;
  const facts: ReplyFacts = { finishReasons: [], ...(capture && { text: [] }) };
  const finish = (how: () => void): void => {
    generation.update(replyResult(facts, capture));
    if (status >= 400 || facts.error) {
      generation.fail(new Error(facts.error?.message || `HTTP status ${status}`), {
        type: facts.error?.type ?? String(status),
      });
    } else how();
  };
  if (!body) {
    finish(() => generation.end());
    return response;
  }
  // `fetch` has decoded the body of what it gives (it has a url); one that the program made is as it is.
  const encoding = headers.get('content-encoding');
  const readable = !encoding || encoding === 'identity' || response.url !== '';
  const reader = new ReplyReader({
    contentType: headers.get('content-type') ?? undefined,
    facts,
    onContent: (at) => generation.chunk(undefined, at),
  });
  let end = (): void => {
    end = () => {};
    if (readable) reader.end();
  };
  const guarded = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      diag.warn(`llm-otel: a response could not be read: ${String(error)}`);
    }
  };
  const tapped = tapReadable(body, {
    chunk: (chunk) => {
      const at = performance.now();
      if (chunk.byteLength === 0) return;
      generation.firstByte(at);
      if (readable) guarded(() => reader.push(chunk, at));
    },
    done: () => {
      guarded(end);
      finish(() => generation.end());
    },
    failed: (error) => {
      guarded(end);
      finish(() => generation.fail(error));
    },
    cancelled: () => {
      guarded(end);
      // A reply that has said that it is complete is complete, whoever stops reading then.
      finish(() => (facts.done ? generation.end() : generation.abort()));
    },
  });
  return sameResponse(response, new Response(tapped, { status, statusText, headers }));
}

/** `url`, `type` and `redirected` of a response of `fetch` cannot be given to a new one. */
function sameResponse(original: Response, made: Response): Response {
  for (const name of ['url', 'type', 'redirected'] as const) {
    Object.defineProperty(made, name, { value: original[name], configurable: true });
  }
  return made;
}
