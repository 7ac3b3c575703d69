import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SinkUnavailable } from '../sink-errors.ts';
import type { MlflowClient } from './client.ts';

/** A file on the disk, and where it goes below an artifact folder. */
export interface LocalFile {
  readonly path: string;
  readonly name: string;
  readonly size: number;
}

/** The files of a file or folder, in order of their names; undefined when nothing is there. */
export async function localFiles(path: string, name: string): Promise<LocalFile[] | undefined> {
  const info = await stat(path).catch(() => undefined);
  if (!info) return undefined;
  if (info.isFile()) return [{ path, name, size: info.size }];
  if (!info.isDirectory()) return undefined;
  const files: LocalFile[] = [];
  for (const entry of (await readdir(path, { withFileTypes: true })).toSorted(byName)) {
    if (!entry.isFile() && !entry.isDirectory()) continue;
    files.push(...((await localFiles(join(path, entry.name), `${name}/${entry.name}`)) ?? []));
  }
  return files;
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}

const PROXIED = 'mlflow-artifacts:';

/**
 * Where files of an artifact folder are written through the server; undefined when it has handed out an address that
 * only a client with the store's own credentials can write to (`s3://` ...).
 */
export function proxiedRoot(artifactUri: string): string | undefined {
  if (!artifactUri.startsWith(PROXIED)) return undefined;
  // mlflow-artifacts:/1/run/artifacts, or with the server's address: mlflow-artifacts://host:port/1/run/artifacts
  return artifactUri
    .slice(PROXIED.length)
    .replace(/^\/\/[^/]*/, '')
    .replace(/^\/+/, '');
}

export async function uploadFile(
  client: MlflowClient,
  root: string,
  file: LocalFile,
  signal?: AbortSignal,
): Promise<void> {
  const target = `${root}/${file.name}`;
  if (file.size === 0) return client.putArtifact(target, '', signal);
  const stream = createReadStream(file.path, { end: file.size - 1 });
  try {
    await client.putArtifact(target, { stream, length: file.size }, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new SinkUnavailable(`${basename(file.path)} vanished while it was sent`, { cause: error });
    throw error;
  } finally {
    stream.destroy();
  }
}

/** A name as a path that stays below its folder. */
export function safeName(name: string): string {
  const parts = name.split(/[/\\]+/).filter((part) => part !== '' && part !== '.' && part !== '..');
  return parts.length === 0 ? 'artifact' : parts.join('/');
}
