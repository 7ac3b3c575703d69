import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { LOCAL_RUN_FORMATS } from '../../../src/trackers/local/config.ts';
import { readJournal, syncJournals } from '../../../src/training/index.ts';
import { rankFolder } from '../../../src/training/journal/folder.ts';
import { MemoryReceiver } from '../../training/receiver.ts';
import { temporaryFolder } from '../../training/temporary.ts';
import { readFolder } from './read-folder.ts';

const CHILD = fileURLToPath(new URL('./training-child.ts', import.meta.url));

describe('a training process that is killed while it saves', () => {
  it.each(LOCAL_RUN_FORMATS)('is complete after a sync, each step once, as %s', async (format) => {
    const folder = temporaryFolder();
    const child = spawn(process.execPath, [CHILD, format, folder], {
      env: { PATH: process.env['PATH'] ?? '', OTEL_SDK_DISABLED: 'true' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'close');

    const sync = () =>
      syncJournals({ journalDir: join(folder, 'journal'), exporter: new MemoryReceiver(), env: {} });
    const report = await sync();
    expect(report.journals.map(({ trackers }) => trackers.map(({ status }) => status))).toEqual([
      ['current'],
    ]);
    const dir = rankFolder(join(folder, 'journal'), 'k1', 0);
    const wanted: number[] = [];
    for await (const { record } of readJournal(dir))
      if (record.event === 'llm.training.step') wanted.push(Number(record.attributes['llm.training.step']));
    expect(wanted.length).toBeGreaterThan(100);
    const run = join(folder, 'log', 'killed', 'run-k1');
    expect(readFolder(run, format)).toEqual({ steps: wanted, params: [], ends: 1 });
    expect(JSON.parse(readFileSync(join(run, 'run.json'), 'utf8'))).toMatchObject({
      steps: wanted.length,
      status: 'killed',
    });
    // a cursor that fell behind: everything comes again
    const cursors = join(dir, 'sinks.json');
    writeFileSync(cursors, readFileSync(cursors, 'utf8').replaceAll(/"seq":\d+/g, '"seq":-1'));
    expect((await sync()).journals[0]?.trackers).toHaveLength(1);
    // where there is no hub, nothing has failed
    const alone = await syncJournals({ journalDir: join(folder, 'journal'), exporter: false, env: {} });
    expect(alone).toMatchObject({ url: undefined, failed: 0, sent: 0, journals: [{ state: 'nothing' }] });
    expect(readFolder(run, format)).toEqual({ steps: wanted, params: [], ends: 1 });
  });
});
