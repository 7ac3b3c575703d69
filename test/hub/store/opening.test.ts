import { appendFileSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openStore, StoreOpenError } from '../../../src/hub/store/index.ts';
import { opened, temporaryDirectory } from './opened.ts';
import { gauge, put, runEvents, step, T0 } from './requests.ts';

const everything = { where: {}, from: -Infinity, to: Infinity, maxPoints: 0 };

test('a file that is no database is an error that names it, and stays as it is', async () => {
  const dataDir = temporaryDirectory();
  const file = join(dataDir, 'hub.db');
  writeFileSync(file, 'not a database, but something somebody may want '.repeat(100));
  const before = readFileSync(file);
  await expect(openStore({ dataDir })).rejects.toThrow(StoreOpenError);
  await expect(openStore({ dataDir })).rejects.toThrow(file);
  expect(readFileSync(file).equals(before)).toBe(true);
});

test('a damaged database is an error, not a store with fewer points', async () => {
  const dataDir = temporaryDirectory();
  const store = opened({ dataDir });
  for (let n = 0; n < 300; n++) await put(store, gauge(`m${n}`, [{ time: T0, value: n }]));
  await store.close();
  const file = join(dataDir, 'hub.db');
  const bytes = readFileSync(file);
  bytes.fill(0xa5, 4096, bytes.length - 4096);
  writeFileSync(file, bytes);
  await expect(openStore({ dataDir })).rejects.toThrow(/cannot be read/);
});

test('a database of a newer version is an error that says which versions', async () => {
  const dataDir = temporaryDirectory();
  await opened({ dataDir }).close();
  const database = new DatabaseSync(join(dataDir, 'hub.db'));
  database.exec('PRAGMA user_version = 99');
  database.close();
  await expect(openStore({ dataDir })).rejects.toThrow(/schema version 99; this program knows up to 3/);
});

test('a database of an older version is brought up to date, with what is in it', async () => {
  const dataDir = temporaryDirectory();
  const store = opened({ dataDir });
  await put(store, gauge('m', [{ time: T0, value: 1 }]));
  await store.close();
  const database = new DatabaseSync(join(dataDir, 'hub.db'));
  database.exec('DROP INDEX series_resource; DROP TABLE run_histogram; PRAGMA user_version = 1');
  database.close();
  const again = opened({ dataDir });
  expect(await again.points({ name: 'm', ...everything })).toMatchObject([{ resourceSince: T0 }]);
  await again.close();
  const after = new DatabaseSync(join(dataDir, 'hub.db'), { readOnly: true });
  expect(after.prepare('PRAGMA user_version').get()).toEqual({ user_version: 3 });
  const made = after.prepare('SELECT name FROM sqlite_schema').all();
  expect(made).toEqual(expect.arrayContaining([{ name: 'series_resource' }, { name: 'run_histogram' }]));
  after.close();
});

test("another program's database is not written to", async () => {
  const dataDir = temporaryDirectory();
  const database = new DatabaseSync(join(dataDir, 'hub.db'));
  database.exec('CREATE TABLE theirs (a)');
  database.close();
  await expect(openStore({ dataDir })).rejects.toThrow(/not one of llm-otel/);
});

test('a directory that a store has open is refused, and free again after close', async () => {
  const dataDir = temporaryDirectory();
  const store = opened({ dataDir });
  await expect(openStore({ dataDir })).rejects.toThrow(/in use by another hub \(process \d+\)/);
  await store.close();
  await (await openStore({ dataDir })).close();
});

test('a journal cut off in the middle of a record gives all records before it', async () => {
  const crashed = await crashedDirectory(5);
  const [segment] = readdirSync(join(crashed, 'journal'));
  const file = join(crashed, 'journal', segment!);
  writeFileSync(file, readFileSync(file).subarray(0, -7));
  const store = opened({ dataDir: crashed });
  const [series] = await store.points({ name: 'm', ...everything });
  expect([...series!.value]).toEqual([0, 1, 2, 3]);
  // What comes after the repair is kept too.
  await put(store, gauge('m', [{ time: T0 + 99, value: 99 }]));
  await store.close();
  const [again] = await opened({ dataDir: crashed }).points({ name: 'm', ...everything });
  expect([...again!.value]).toEqual([0, 1, 2, 3, 99]);
});

test('damage in the journal is reported and set aside, and what is whole before it is kept', async () => {
  const crashed = await crashedDirectory(3);
  const [segment] = readdirSync(join(crashed, 'journal'));
  const file = join(crashed, 'journal', segment!);
  appendFileSync(file, 'x'.repeat(100));
  const messages: string[] = [];
  const store = opened({ dataDir: crashed, log: (level, message) => messages.push(`${level} ${message}`) });
  const [series] = await store.points({ name: 'm', ...everything });
  expect([...series!.value]).toEqual([0, 1, 2]);
  expect(messages.join()).toMatch(/^error .*no record begins here/);
  expect(readFileSync(`${file}.damaged`, 'utf8')).toBe('x'.repeat(100));
});

test('replaying a journal twice changes nothing', async () => {
  const crashed = await crashedDirectory(4);
  const again = temporaryDirectory();
  copyDirectory(crashed, again);
  const first = opened({ dataDir: crashed });
  // The journal that was sealed by the first is there again, as if its deletion had been lost.
  await first.close();
  copyDirectory(join(again, 'journal'), join(crashed, 'journal'));
  const second = opened({ dataDir: crashed });
  const [series] = await second.points({ name: 'm', ...everything });
  expect([...series!.value]).toEqual([0, 1, 2, 3]);
  expect((await second.run('run'))?.steps).toBe(4);
});

/** A copy of a store's files as a crash would leave them: the journal is whole, nothing is sealed. */
async function crashedDirectory(requests: number): Promise<string> {
  const store = opened();
  for (let n = 0; n < requests; n++) {
    await put(store, runEvents({ id: 'run' }, [step(n, n)]));
    await put(store, gauge('m', [{ time: T0 + n, value: n }]));
  }
  const copy = temporaryDirectory();
  copyDirectory(join(store.directory, 'journal'), join(copy, 'journal'));
  return copy;
}

function copyDirectory(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.isDirectory()) copyDirectory(join(from, entry.name), join(to, entry.name));
    else if (!entry.name.startsWith('lock')) copyFileSync(join(from, entry.name), join(to, entry.name));
  }
}
