/**
 * The process that talks to the drivers: a call that hangs, crashes or leaks does so here. Started by the keeper, with
 * its settings as an argument; says what it reads by messages and ends when the keeper does. When that was killed, it
 * starts another first.
 */
import { openSources, pollAll } from './open-sources.ts';
import type { SamplerMessage } from './sampler-message.ts';
import { readSettings } from './sampler-settings.ts';
import type { GpuSource } from './source.ts';
import { startHeir } from './succession.ts';
import { SampleEncoder } from './wire.ts';

const settings = readSettings(process.argv[2]);
let sources: readonly GpuSource[] = [];

function tell(message: SamplerMessage): void {
  if (process.connected) process.send?.(message);
}

/** After the last message has left. */
function end(message: SamplerMessage): void {
  close();
  if (!process.connected) process.exit();
  process.send?.(message, undefined, undefined, () => process.exit());
}

function close(): void {
  for (const source of sources) {
    try {
      source.close();
    } catch {
      // it ends anyway
    }
  }
  sources = [];
}

// Ctrl-C reaches every process of the terminal; the program decides whether it ends, and is read until then.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});

let released = false;
process.once('message', () => (released = true));
process.once('disconnect', () => {
  close();
  if (!released) startHeir(settings, process.uptime() * 1000);
  process.exit();
});

const told = new Set<string>();
function log(message: string): void {
  if (told.has(message) || told.size >= 100) return;
  told.add(message);
  tell({ type: 'log', message });
}

async function main(): Promise<void> {
  const opened = await openSources(settings, log);
  sources = opened.sources;
  if (sources.length === 0) {
    end({ type: 'absent', why: `no GPU can be read: ${opened.missing.join(', ')} not found` });
    return;
  }
  const encoder = new SampleEncoder();
  let seq = 0;
  const sample = (): void => {
    try {
      const slow = seq % settings.slowEvery === 0;
      const read = pollAll(sources, slow);
      seq++;
      if (read) tell({ type: 'sample', seq, time: Date.now(), delta: encoder.encode(read) });
    } catch (error) {
      clearInterval(timer);
      end({ type: 'trouble', reason: 'driver', why: messageOf(error) });
    }
  };
  const timer = setInterval(sample, settings.intervalMs);
  sample();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

main().catch((error: unknown) => end({ type: 'trouble', reason: 'driver', why: messageOf(error) }));
