/** A program whose OpenTelemetry is set up twice, or by another version of the API; its standard error is read. */
import { trace } from '@opentelemetry/api';

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
if (way === 'lateSdk') trace.setGlobalTracerProvider({ getTracer: () => trace.getTracer('late') });
if (way === 'console') trace.getTracer('test').startSpan('to the console').end();
process.stdout.write(telemetry.mode);
