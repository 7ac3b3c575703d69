/** Thread that owns a run's SQLite file: node:sqlite waits for the disk, which a training loop must not. */
import { parentPort, workerData } from 'node:worker_threads';
import type { DatabaseReply, DatabaseRequest } from './protocol.ts';
import { RunDatabase } from './run-database.ts';

const { path } = workerData as { path: string };
const port = parentPort;
let database: RunDatabase | undefined;
let held = -1;

function answer(request: DatabaseRequest): void {
  database ??= new RunDatabase(path, { live: true });
  if (request.ask === 'open') held = database.open(request.run);
  else if (request.ask === 'append') {
    const { records = [], artifact, end } = request.chunk;
    // what the file has already comes again after a crash between its commit and that of run.json
    const fresh = records.filter(({ seq }) => seq < 0 || seq > held);
    if (fresh.length > 0) database.write(fresh);
    if (artifact && artifact.seq > held) database.artifact(artifact);
    if (end) database.end(end.status, end.summary, end.endedAt);
  } else {
    database.close();
    database = undefined;
  }
}

port?.on('message', (request: DatabaseRequest) => {
  let reply: DatabaseReply = { id: request.id, ok: true };
  try {
    answer(request);
  } catch (error) {
    reply = { id: request.id, error: error instanceof Error ? error.message : String(error) };
  }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  port.postMessage(reply);
  if (request.ask === 'close') port.close();
});
