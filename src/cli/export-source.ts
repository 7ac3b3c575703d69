import type { Writable } from 'node:stream';
import { ENV } from '../conventions/index.ts';
import type { ExportFormat, RunSink } from '../trackers/index.ts';
import { exportJournal, listJournals } from '../training/index.ts';
import { exportRun } from './export-run.ts';
import type { HubClient } from './hub-client.ts';
import { CommandFailed, visible } from './output.ts';

/** Where a run is read from. */
export interface ExportSource {
  /** Ranks that are there. */
  readonly ranks: readonly number[];
  /** @returns number of step records, and what had to be left out */
  write(rank: number, sink: RunSink): Promise<{ steps: number; problems: string[] }>;
}

export async function hubSource(hub: HubClient, id: string): Promise<ExportSource> {
  const run = await hub.run(id);
  return {
    ranks: run.ranks,
    write: async (rank, sink) => ({ steps: await exportRun(hub, run, rank, sink), problems: [] }),
  };
}

/** A run's journals in a folder: exact, with epochs and the records' own numbers. */
export async function journalSource(journalDir: string, id: string): Promise<ExportSource> {
  const folders = new Map<number, string>();
  for await (const journal of listJournals(journalDir))
    if (journal.runId === id) folders.set(journal.rank, journal.dir);
  if (folders.size === 0)
    throw new CommandFailed(
      `no journal of run ${visible(id)} in ${journalDir}; the folder is the one that ${ENV.journalDir.name} named when it ran (default ${ENV.journalDir.default})`,
    );
  return {
    ranks: [...folders.keys()].sort((a, b) => a - b),
    async write(rank, sink) {
      const folder = folders.get(rank);
      if (folder === undefined)
        throw new CommandFailed(
          `run ${visible(id)} has no rank ${rank} in ${journalDir}; it has ${[...folders.keys()].join(', ')}`,
        );
      let steps = 0;
      const counting: RunSink = {
        name: sink.name,
        open: (run) => sink.open(run),
        write: (batch) => {
          for (const { kind } of batch) if (kind === 'step') steps++;
          return sink.write(batch);
        },
        artifact: (artifact) => sink.artifact(artifact),
        close: (...end) => sink.close(...end),
      };
      const { problems } = await exportJournal(folder, counting);
      return { steps, problems: problems.map(({ message }) => message) };
    },
  };
}

/** Writes these ranks, one after the other; what was at `out` before stays when it fails. */
export async function exportRanks(
  source: ExportSource,
  ranks: readonly number[],
  format: ExportFormat,
  out: string | Writable,
): Promise<{ steps: number; problems: string[] }> {
  const target = await format.open(out, ranks.length).catch((error: unknown) => {
    throw new CommandFailed(error instanceof Error ? error.message : String(error));
  });
  let steps = 0;
  const problems: string[] = [];
  try {
    for (const rank of ranks) {
      const written = await source.write(rank, target.sink(rank));
      steps += written.steps;
      problems.push(...written.problems);
    }
    await target.finish();
  } catch (error) {
    await target.discard();
    throw error;
  }
  return { steps, problems };
}
