import * as fs from 'node:fs';
import * as path from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { journalSegments, segmentPath } from './journal/journal.ts';
import { type Damage, type JournalRecord, parseRecord } from './journal/record.ts';
import { lockDirectory } from './lock.ts';
import { StoreOpenError } from './open-error.ts';
import { Rows } from './rows.ts';
import { openDatabase } from './schema.ts';
import { settingsOf, type Settings } from './settings.ts';
import { SqliteStore } from './sqlite-store.ts';
import type { Store, StoreOptions } from './store.ts';

/**
 * Opens the store in `dataDir`, making the directory when it is missing, and takes in what the journal has and
 * the database has not (after a crash).
 *
 * Rejects with StoreOpenError when another process has the directory open, or the database is damaged, foreign
 * or newer than this program; nothing on disk is changed then.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  await Promise.resolve();
  return openSqliteStore(options);
}

/** As `openStore`, with what only tests and the benchmark need (`seal`). */
export function openSqliteStore(options: StoreOptions): SqliteStore {
  const directory = path.resolve(options.dataDir);
  const journalDirectory = path.join(directory, 'journal');
  const databaseFile = path.join(directory, 'hub.db');
  makeDirectory(journalDirectory);
  const settings = settingsOf(options, () => sizeOf(databaseFile) + sizeOf(`${databaseFile}-wal`));
  const lock = lockDirectory(directory);
  let database: DatabaseSync | undefined;
  try {
    database = openDatabase(databaseFile);
    const meta = (key: string): number =>
      (database!.prepare('SELECT value FROM meta WHERE key = ?').get(key) as { value: number } | undefined)
        ?.value ?? 0;
    const watermark = meta('watermark');
    const newestEvent = (
      database.prepare('SELECT coalesce(max(sequence), 0) AS sequence FROM event').get() as {
        sequence: number;
      }
    ).sequence;
    const records = readJournal(journalDirectory, watermark, settings);
    return new SqliteStore({
      settings,
      directory,
      rows: new Rows(database),
      databaseFile,
      journalDirectory,
      nextSequence: Math.max(watermark, newestEvent, records.at(-1)?.sequence ?? 0) + 1,
      generation: meta('generation'),
      aliveAt: Math.max(meta('alive'), records.at(-1)?.arrival ?? 0),
      replay: records,
      unlock: () => lock.release(),
    });
  } catch (error) {
    database?.close();
    lock.release();
    throw error;
  }
}

/** Records above the watermark, oldest first. */
function readJournal(directory: string, watermark: number, settings: Settings): JournalRecord[] {
  const segments = journalSegments(directory);
  const records: JournalRecord[] = [];
  for (const segment of segments) {
    const file = segmentPath(directory, segment);
    const bytes = fs.readFileSync(file);
    let at = 0;
    while (at < bytes.length) {
      const parsed = parseRecord(bytes, at);
      if ('damage' in parsed) {
        setAside(file, bytes, at, parsed.damage, settings);
        break;
      }
      if (parsed.record.sequence > watermark) records.push(parsed.record);
      at = parsed.next;
    }
  }
  return records;
}

/**
 * Cuts a segment before bytes that are no record. What a crash cut off was never acknowledged; other damage may
 * have been, and is kept beside for whoever can make something of it.
 */
function setAside(file: string, bytes: Buffer, at: number, damage: Damage, settings: Settings): void {
  const rest = bytes.length - at;
  if (damage.cutOff) {
    settings.log(
      'info',
      `Journal ${file}: the last ${rest} bytes are of a request that was never acknowledged.`,
    );
  } else {
    fs.writeFileSync(`${file}.damaged`, bytes.subarray(at));
    settings.log(
      'error',
      `Journal ${file}: ${damage.what} at byte ${at}; the ${rest} bytes from there are in ${file}.damaged.`,
    );
  }
  fs.truncateSync(file, at);
}

function makeDirectory(directory: string): void {
  try {
    // What is kept is for its user's eyes: prompts may be among it.
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StoreOpenError(
      `The data directory ${directory} cannot be made: ${error instanceof Error ? error.message : String(error)}.`,
      { cause: error },
    );
  }
}

function sizeOf(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
