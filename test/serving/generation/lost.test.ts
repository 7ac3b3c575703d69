import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const start = new URL('../../../src/serving/generation/start.ts', import.meta.url);
const finished = new URL('../../../src/serving/generation/finished.ts', import.meta.url);

/** Runs in a process of its own, where the collector may be called. */
const program = `
  import { startGeneration } from ${JSON.stringify(start.href)};
  import { onGenerationEnd } from ${JSON.stringify(finished.href)};
  const ended = [];
  const done = new Promise((resolve) => onGenerationEnd((generation) => {
    ended.push(generation.model + ':' + generation.outcome + ':' + generation.errorType);
    if (ended.length === 2) resolve();
  }));
  const kept = startGeneration({ model: 'kept' });
  (() => {
    startGeneration({ model: 'lost' });
    const tracked = startGeneration({ model: 'lost-stream' }).track((async function* () { yield 1; })());
    void tracked.next();
  })();
  const collect = setInterval(() => globalThis.gc(), 5);
  await done;
  clearInterval(collect);
  const before = kept.ended;
  kept.end();
  process.stdout.write(JSON.stringify({ ended: ended.slice(0, 2).sort(), before, outcome: kept.outcome }));
`;

it('closes a generation that the program has lost, and no other', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--expose-gc', '--input-type=module', '--eval', program],
    { cwd: fileURLToPath(new URL('.', import.meta.url)), timeout: 20_000 },
  );
  expect(JSON.parse(stdout)).toEqual({
    ended: ['lost-stream:error:abandoned', 'lost:error:abandoned'],
    before: false,
    outcome: 'completed',
  });
});

it('does not keep the process alive', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import { startGeneration } from ${JSON.stringify(start.href)};
       globalThis.kept = startGeneration({ model: 'm' });
       process.stdout.write('end of the program');`,
    ],
    { timeout: 20_000 },
  );
  expect(stdout).toBe('end of the program');
});

it('is closed in time for the last flush when a signal ends the process', async () => {
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import { trace } from '@opentelemetry/api';
       import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
       import { startGeneration } from ${JSON.stringify(start.href)};
       trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [{
         onStart() {},
         onEnd: (span) => process.stdout.write(span.name + ' ' + span.attributes['error.type']),
         forceFlush: async () => {},
         shutdown: async () => {},
       }] }));
       globalThis.kept = startGeneration({ model: 'm' });
       setInterval(() => {}, 1000);
       process.kill(process.pid, 'SIGTERM');`,
    ],
    { cwd: fileURLToPath(new URL('.', import.meta.url)), stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [output, [, signal]] = await Promise.all([
    text(child.stdout),
    once(child, 'exit') as Promise<[number | null, string | null]>,
  ]);
  expect([output, signal]).toEqual(['chat m process_exit', 'SIGTERM']);
});
