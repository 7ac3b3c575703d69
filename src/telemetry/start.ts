import { randomUUID } from 'node:crypto';
import type { Telemetry, TelemetryOptions } from './telemetry.ts';

let current: Telemetry | undefined;

export function startTelemetry(_options: TelemetryOptions = {}): Telemetry {
  current ??= {
    mode: 'disabled',
    resourceAttributes: {},
    serviceInstanceId: randomUUID(),
    endpoint: 'http://127.0.0.1:4318',
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
    dropped: () => ({}),
  };
  return current;
}

export function currentTelemetry(): Telemetry | undefined {
  return current;
}
