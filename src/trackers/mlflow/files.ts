import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import type { LocalFile } from '../local-files.ts';
import { SinkUnavailable } from '../sink-errors.ts';
import type { MlflowClient } from './client.ts';

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
