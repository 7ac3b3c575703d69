import { SpanKind, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { createServer } from 'node:http';
import { describe, expect, it } from 'vitest';
import { currentRequestScope } from '../../../src/serving/http/request-scope.ts';
import { exchange, listen, request, startRecording } from './recording.ts';

const PATH = '/v1/chat/completions';
const REPLY = 'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n';

describe('beside @opentelemetry/instrumentation-http', () => {
  it('there is one SERVER span, theirs, and ours adds to it', async () => {
    const recording = startRecording({ server: 'instrumentation-http' });
    const inside: unknown[] = [];
    const server = createServer((message, response) => {
      inside.push(trace.getActiveSpan()?.spanContext().spanId, currentRequestScope() !== undefined);
      message.resume().on('end', () => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(REPLY);
        response.end();
      });
    });
    const port = await listen(server);
    // The first request and a later one on the same server.
    for (const model of ['m1', 'm2']) {
      await exchange(port, request('POST', PATH, JSON.stringify({ model, stream: true })));
      const generation = await recording.spans.find((span) => span.name === `chat ${model}`);
      const servers: ReadableSpan[] = recording.spans.ended.filter((span) => span.kind === SpanKind.SERVER);
      await recording.spans.find(
        (span) => span.spanContext().spanId === generation.parentSpanContext?.spanId,
      );
      expect(servers.every((span) => span.instrumentationScope.name.endsWith('instrumentation-http'))).toBe(
        true,
      );
    }
    server.close();
    recording.stop();
    const servers = recording.spans.ended.filter((span) => span.kind === SpanKind.SERVER);
    expect(servers.map((span) => span.attributes['gen_ai.request.model'])).toEqual(['m1', 'm2']);
    expect(servers[0]?.attributes['llm.serving.chunks']).toBe(1);
    expect(inside).toEqual([servers[0]?.spanContext().spanId, true, servers[1]?.spanContext().spanId, true]);
  });
  it('ours makes none where a SERVER span is active for the request already', async () => {
    const recording = startRecording();
    const server = createServer((_message, response) => response.end());
    const port = await listen(server);
    await exchange(port, request('GET', '/first'));
    // Another SDK that wraps the server after ours did.
    const wrapped = server as { emit: (this: typeof server, event: string, ...args: unknown[]) => boolean };
    const ours = wrapped.emit;
    wrapped.emit = function (event, ...args) {
      if (event !== 'request') return ours.call(this, event, ...args);
      return trace.getTracer('other').startActiveSpan('theirs', { kind: SpanKind.SERVER }, (span) => {
        (args[1] as NodeJS.EventEmitter).once('close', () => span.end());
        return ours.call(this, event, ...args);
      });
    };
    await exchange(port, request('GET', '/second'));
    await recording.spans.find((span) => span.name === 'theirs');
    server.close();
    recording.stop();
    expect(recording.spans.ended.map((span) => span.instrumentationScope.name)).toEqual([
      'llm-otel.http',
      'other',
    ]);
  });
});
