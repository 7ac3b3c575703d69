import type { DataChunk } from '../local/run-data.ts';
import type { SinkRun } from '../sink.ts';

/** What the database's worker is asked, one after the other. */
export type DatabaseRequest = { readonly id: number } & (
  | { readonly ask: 'open'; readonly run: SinkRun }
  | { readonly ask: 'append'; readonly chunk: DataChunk }
  | { readonly ask: 'close' }
);

export type DatabaseReply = { readonly id: number } & ({ readonly ok: true } | { readonly error: string });
