import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { localFiles } from '../../local-files.ts';

/** A file of an artifact. */
export interface ArtifactFile {
  /** In the artifact; parts joined by `/`. */
  readonly name: string;
  /** On the disk. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** MD5, base64. */
  readonly md5: string;
}

export const MANIFEST_NAME = 'wandb_manifest.json';
export const STORAGE_POLICY = 'wandb-storage-policy-v1';
export const STORAGE_LAYOUT = 'V2';
export const MANIFEST_VERSION = 1;

/**
 * The files of a file or folder that a run recorded, read once for their hashes; a file bears its own name, those of a
 * folder their place in it. Undefined: nothing is there any more.
 */
export async function artifactFiles(path: string): Promise<ArtifactFile[] | undefined> {
  const found = await localFiles(path, '');
  if (!found) return undefined;
  const files: ArtifactFile[] = [];
  for (const file of found)
    files.push({ ...file, name: file.name || basename(file.path), md5: await md5Of(file.path) });
  return files;
}

/** W&B knows an artifact's content by this: the same files have the same (artifact_manifest_v1.py of wandb 0.31). */
export function artifactDigest(files: readonly ArtifactFile[]): string {
  const hash = createHash('md5').update('wandb-artifact-manifest-v1\n');
  for (const { name, md5 } of sorted(files)) hash.update(`${name}:${md5}\n`);
  return hash.digest('hex');
}

/** Content of `wandb_manifest.json`. */
export function manifestText(files: readonly ArtifactFile[], artifactId: string): string {
  const contents = sorted(files).map(({ name, size, md5 }) => [
    name,
    { digest: md5, size, birthArtifactID: artifactId },
  ]);
  return JSON.stringify({
    version: MANIFEST_VERSION,
    storagePolicy: STORAGE_POLICY,
    storagePolicyConfig: { storageLayout: STORAGE_LAYOUT },
    contents: Object.fromEntries(contents) as Record<string, unknown>,
  });
}

export function md5OfText(text: string): string {
  return createHash('md5').update(text).digest('base64');
}

async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>)
    hash.update(chunk);
  return hash.digest('base64');
}

/** By the characters' numbers, as Python sorts. */
function sorted(files: readonly ArtifactFile[]): ArtifactFile[] {
  return files.toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
}
