import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { ATTR, EVENT } from '../../../src/conventions/index.ts';
import { readJournal } from '../../../src/training/index.ts';
import { rankFolder } from '../../../src/training/journal/folder.ts';
import { temporaryFolder } from '../../training/temporary.ts';
import { isOwn, Places, valueText, histogramText } from './places.ts';

const PROGRAM = fileURLToPath(new URL('uploading-program.ts', import.meta.url));
const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));

/** The request at which the process dies: the tracker has it, and the process never hears of it. */
const POINTS: readonly (readonly [string, (places: Places, kill: () => void) => void])[] = [
  [
    'as MLflow takes its first values',
    ({ mlflow }, kill) => {
      mlflow.disturb = ({ path, text }, applied) => {
        if (applied && path.endsWith('log-batch') && text.includes('"metrics"')) kill();
        return undefined;
      };
    },
  ],
  [
    'as W&B takes its third post',
    ({ wandb }, kill) => {
      let posts = 0;
      wandb.script = ({ path }) => {
        if (!path.endsWith('/file_stream') || ++posts !== 3) return undefined;
        kill();
        return { status: 200, afterTaking: true };
      };
    },
  ],
  [
    'as MLflow takes the model',
    ({ mlflow }, kill) => {
      mlflow.disturb = ({ method, path }, applied) => {
        if (applied && method === 'PUT' && path.endsWith('best')) kill();
        return undefined;
      };
    },
  ],
  [
    'as Comet takes values',
    ({ comet }, kill) => {
      let posts = 0;
      comet.script = ({ path }) => {
        if (!path.endsWith('/experiment/metric') || ++posts !== 2) return undefined;
        kill();
        return { status: 200, afterTaking: true };
      };
    },
  ],
  [
    'as Comet takes its second histogram',
    ({ comet }, kill) => {
      let uploads = 0;
      comet.script = ({ path }) => {
        if (!path.endsWith('/upload-asset') || ++uploads !== 2) return undefined;
        kill();
        return { status: 200, afterTaking: true };
      };
    },
  ],
  [
    'as W&B commits the artifact',
    ({ wandb }, kill) => {
      wandb.script = ({ operation }) => {
        if (operation !== 'CommitArtifact') return undefined;
        kill();
        return { status: 200, afterTaking: true };
      };
    },
  ],
];

let close: (() => Promise<unknown>) | undefined;
afterEach(async () => {
  await close?.();
  close = undefined;
});

/** Accepts any OTLP, so that the command has where to send. */
async function receiver(): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer((request, reply) => request.resume().on('end', () => reply.end()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

interface Report {
  journals: {
    interrupted: boolean;
    trackers: { sink: string; status: string; lag: number; lastError: string }[];
  }[];
}

describe('a process that is killed while it uploads to every tracker, and `llm-otel sync`', () => {
  it.each(POINTS)('%s: everything is everywhere, nothing twice', { timeout: 60_000 }, async (_, arrange) => {
    const folder = temporaryFolder();
    const journalDir = join(folder, 'journal');
    const places = await Places.start(folder);
    const hub = await receiver();
    close = () => Promise.all([places.close(), hub.close()]);
    const env = { PATH: process.env['PATH'] ?? '', HOME: folder, OTEL_SDK_DISABLED: 'true', ...places.env };
    const child = spawn(process.execPath, [PROGRAM, journalDir, JSON.stringify(places.addresses)], {
      cwd: folder,
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    arrange(places, () => void child.kill('SIGKILL'));
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect(signal, String(child.stderr.read())).toBe('SIGKILL');
    const sync = (): Promise<Report> =>
      new Promise((resolve, reject) => {
        execFile(
          process.execPath,
          [MAIN, 'sync', '--journal', journalDir, '--endpoint', hub.url, '--json'],
          { cwd: folder, env },
          (error, out, err) =>
            error
              ? reject(new Error(`${error.message}\n${out}\n${err}`))
              : resolve(JSON.parse(out) as Report),
        );
      });
    const report = await sync();
    expect(report.journals).toHaveLength(1);
    expect(report.journals[0]?.interrupted).toBe(true);
    expect(report.journals[0]?.trackers.filter(({ status, lag }) => status !== 'current' || lag > 0)).toEqual(
      [],
    );

    const recorded: string[] = [];
    let models = 0;
    for await (const { record } of readJournal(rankFolder(journalDir, 'killed', 0))) {
      if (record.event === EVENT.runArtifact) models++;
      if (record.event === EVENT.trainingHistogram)
        recorded.push(histogramText(record.attributes[ATTR.trainingStep]));
      if (record.event === EVENT.trainingStep)
        for (const [key, value] of Object.entries(record.body))
          if (isOwn(key)) recorded.push(valueText(key, record.attributes[ATTR.trainingStep], value));
    }
    recorded.sort();
    expect(recorded.length).toBeGreaterThan(20);
    expect(recorded).toContain(histogramText(0));
    const check = (): void => {
      for (const name of places.names) {
        const held = places.held(name);
        expect(held, name).toEqual(recorded);
      }
      const { mlflow, wandb, comet } = places;
      expect(mlflow.runs.map(({ status }) => status)).toEqual(['KILLED']);
      expect(mlflow.models).toHaveLength(models);
      expect(wandb.run().exitCode).toBe(255);
      expect(wandb.artifactStore.committed).toHaveLength(models);
      expect(comet.experiment().others.get('status')).toBe('killed');
      const elements = comet.experiment().assets.filter(({ type }) => type === 'model-element');
      expect(elements).toHaveLength(models);
      expect([...wandb.violations, ...comet.violations]).toEqual([]);
    };
    check();
    // and once more changes nothing
    expect((await sync()).journals[0]?.trackers).toEqual([]);
    check();
  });
});
