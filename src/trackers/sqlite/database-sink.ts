import type { RunSink } from '../sink.ts';
import type { RunDatabase } from './run-database.ts';

/** Writes one rank of a run into a database that its owner closes. */
export function databaseSink(database: RunDatabase): RunSink {
  return {
    name: 'sqlite',
    open: async (run) => {
      database.open(run);
    },
    write: async (batch) => database.write(batch),
    artifact: async (artifact) => database.artifact(artifact),
    close: async (status, summary, _signal, endedAt) => {
      if (status !== undefined) database.end(status, summary, endedAt);
    },
  };
}
