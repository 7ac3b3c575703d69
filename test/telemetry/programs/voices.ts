/** A program whose OpenTelemetry is set up twice, or by another version of the API; its standard error is read. */
import { trace } from '@opentelemetry/api';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

const [, , way] = process.argv;
if (way === 'otherVersion') {
  Object.assign(globalThis, { [Symbol.for('opentelemetry.js.api.1')]: { version: '1.10.0' } });
}
if (way === 'otherVersionWithLogger') {
  const silent = (): void => {};
  Object.assign(globalThis, {
    [Symbol.for('opentelemetry.js.api.1')]: {
      version: '1.8.0',
      diag: { error: silent, warn: silent, info: silent, debug: silent, verbose: silent },
    },
  });
}
const { startTelemetry } = await import('../../../src/telemetry/index.ts');
const telemetry = startTelemetry({ handleExit: false });
if (way === 'lateSdk') new NodeTracerProvider().register();
if (way === 'console') trace.getTracer('test').startSpan('to the console').end();
process.stdout.write(telemetry.mode);
