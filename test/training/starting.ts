import { InstrumentRegistry } from '../../src/telemetry/index.ts';
import { type Run, startRun, type StartRunOptions } from '../../src/training/index.ts';
import { MemoryReceiver, noBackOff } from './receiver.ts';

/** Starts a run that sends to memory only, whatever the environment of the tests is. */
export async function startTestRun(
  options: Partial<StartRunOptions> & { journalDir: string },
): Promise<{ run: Run; receiver: MemoryReceiver; troubles: string[]; registry: InstrumentRegistry }> {
  const receiver = options.exporter instanceof MemoryReceiver ? options.exporter : new MemoryReceiver();
  const troubles: string[] = [];
  const registry = options.instruments ?? new InstrumentRegistry();
  const run = await startRun({
    project: 'test',
    exporter: receiver,
    backOff: noBackOff,
    instruments: registry,
    env: { OTEL_SDK_DISABLED: 'true' },
    onError: (error) => troubles.push(error.message),
    ...options,
  });
  return { run, receiver, troubles, registry };
}
