import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { AnswerTooLargeError } from '../answer-too-large-error.ts';
import { readHistograms, readInstruments, readPoints } from './read-metrics.ts';
import { readRunHistograms } from './read-run-histograms.ts';
import { readRuns, readRunState } from './read-runs.ts';
import { readSteps } from './read-steps.ts';
import { readTrace, readTraces, registerMatcher } from './read-traces.ts';
import type { Question, Questions, ReadReply, ReadRequest } from './protocol.ts';
import { ReadDatabase } from './sql.ts';

const FILE = (workerData as { file: string }).file;

/**
 * The read worker: answers one question at a time from a connection of its own. Each question reads one
 * snapshot of the database; when that belongs to another sealing than the unsealed points that came with the
 * question, the answer is `stale` and the question comes again.
 */
const ANSWERS: {
  [Q in Exclude<Question, 'checkpoint'>]: (
    db: ReadDatabase,
    ask: Questions[Q]['ask'],
  ) => Questions[Q]['answer'];
} = {
  runs: readRuns,
  runState: (db, { id }) => readRunState(db, id),
  steps: (db, { query, startedAt, live }) => readSteps(db, query, startedAt, live),
  runHistograms: readRunHistograms,
  instruments: (db, { lastSeen }) => readInstruments(db, lastSeen),
  points: (db, { query, live }) => readPoints(db, query, live),
  histograms: (db, { query, live }) => readHistograms(db, query, live),
  traces: readTraces,
  trace: (db, { id }) => readTrace(db, id),
};

function serve(port: NonNullable<typeof parentPort>): void {
  const db = new ReadDatabase(new DatabaseSync(FILE, { readOnly: true, timeout: 5000 }));
  registerMatcher(db);
  port.on('message', (request: ReadRequest | 'close') => {
    if (request === 'close') {
      db.database.close();
      port.close();
      return;
    }
    const reply = request.question === 'checkpoint' ? checkpoint(request.id) : answer(db, request);
    port.postMessage(reply, buffersOf(reply));
  });
}

/** On a connection of its own for each: reads must stay without the right to write. */
function checkpoint(id: number): ReadReply {
  try {
    const database = new DatabaseSync(FILE, { timeout: 5000 });
    try {
      database.exec('PRAGMA wal_checkpoint(PASSIVE)');
    } finally {
      database.close();
    }
    return { id, answer: null };
  } catch (error) {
    return failed(id, error);
  }
}

function failed(id: number, error: unknown): ReadReply {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { id, error: { message, stack, tooLarge: error instanceof AnswerTooLargeError } };
}

function answer(db: ReadDatabase, { id, question, generation, ask }: ReadRequest): ReadReply {
  try {
    db.database.exec('BEGIN');
    try {
      const stored = db.one<{ value: number }>("SELECT value FROM meta WHERE key = 'generation'")?.value ?? 0;
      if (stored !== generation) return { id, stale: true };
      const give = ANSWERS[question as keyof typeof ANSWERS] as (db: ReadDatabase, ask: unknown) => unknown;
      return { id, answer: give(db, ask) };
    } finally {
      db.database.exec('COMMIT');
    }
  } catch (error) {
    return failed(id, error);
  }
}

/** Buffers of the columns of an answer: moved to the other thread instead of copied. */
function buffersOf(value: unknown, found = new Set<ArrayBuffer>(), depth = 0): ArrayBuffer[] {
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) found.add(value.buffer);
  } else if (typeof value === 'object' && value !== null && depth < 4) {
    for (const part of Object.values(value)) if (typeof part === 'object') buffersOf(part, found, depth + 1);
  }
  return [...found];
}

if (parentPort !== null) serve(parentPort);
