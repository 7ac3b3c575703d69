import { createReadStream } from 'node:fs';
import { SinkUnavailable } from '../../sink-errors.ts';
import type { RunPath, UploadTarget, WandbClient } from '../client.ts';
import type { ArtifactDescription } from './description.ts';
import {
  COMMIT_ARTIFACT,
  CREATE_ARTIFACT,
  CREATE_ARTIFACT_FILES,
  CREATE_ARTIFACT_MANIFEST,
} from './graphql.ts';
import {
  artifactDigest,
  type ArtifactFile,
  MANIFEST_NAME,
  manifestText,
  md5OfText,
  STORAGE_LAYOUT,
} from './manifest.ts';

/** Files whose addresses are asked for at once. */
const FILES = 1000;

/** Where and what; `historyStep`: the step of the run that is not written yet. */
export interface ArtifactUpload {
  readonly path: RunPath;
  readonly artifact: ArtifactDescription;
  readonly files: readonly ArtifactFile[];
  readonly historyStep: number;
}

/**
 * Makes files a version of an artifact that the run has made, as W&B's own client does it (core/internal/artifacts of
 * wandb 0.31): created, its files, its manifest, committed. What a try before has done is not done again: the same
 * identity gives the same artifact, a file that is there needs no upload.
 */
export async function uploadArtifact(
  client: WandbClient,
  { path, artifact, files, historyStep }: ArtifactUpload,
  signal?: AbortSignal,
): Promise<void> {
  const { id, state } = await create(client, { path, artifact, files, historyStep }, signal);
  if (state === 'COMMITTED') return;
  const manifest = await declareManifest(client, path, id, undefined, signal);
  for (let at = 0; at < files.length; at += FILES)
    await uploadFiles(client, { id, manifest: manifest.id, files: files.slice(at, at + FILES) }, signal);
  const text = manifestText(files, id);
  const { target } = await declareManifest(client, path, id, md5OfText(text), signal);
  if (!target) throw new SinkUnavailable('W&B gave no address for the manifest of an artifact');
  await client.put(target, text, MANIFEST_NAME, signal);
  await client.graphql('CommitArtifact', COMMIT_ARTIFACT, { artifactID: id }, signal);
}

async function create(
  client: WandbClient,
  { path, artifact, files, historyStep }: ArtifactUpload,
  signal?: AbortSignal,
): Promise<{ id: string; state: string }> {
  const { name, type, description, metadata, aliases, clientId, sequenceClientId } = artifact;
  const input = {
    entityName: path.entity,
    projectName: path.project,
    runName: path.run,
    artifactTypeName: type,
    artifactCollectionName: name,
    digest: artifactDigest(files),
    digestAlgorithm: 'MANIFEST_MD5',
    enableDigestDeduplication: true,
    description: description ?? null,
    metadata: metadata ?? null,
    aliases: aliases.map((alias) => ({ artifactCollectionName: name, alias })),
    clientID: clientId,
    sequenceClientID: sequenceClientId,
    historyStep,
  };
  const data = await client.graphql('CreateArtifact', CREATE_ARTIFACT, { input }, signal);
  return (data as { createArtifact: { artifact: { id: string; state: string } } }).createArtifact.artifact;
}

/** With the digest of its content, the server says where to write it. */
async function declareManifest(
  client: WandbClient,
  { entity, project, run }: RunPath,
  artifactID: string,
  digest: string | undefined,
  signal?: AbortSignal,
): Promise<{ id: string; target: UploadTarget | undefined }> {
  const variables = {
    artifactID,
    name: MANIFEST_NAME,
    digest: digest ?? '',
    entityName: entity,
    projectName: project,
    runName: run,
    manifestType: 'FULL',
    includeUpload: digest !== undefined,
  };
  const data = await client.graphql('CreateArtifactManifest', CREATE_ARTIFACT_MANIFEST, variables, signal);
  const { id, file } = (
    data as {
      createArtifactManifest: { artifactManifest: { id: string; file: Partial<UploadTarget> | null } };
    }
  ).createArtifactManifest.artifactManifest;
  return { id, target: targetOf(file) };
}

async function uploadFiles(
  client: WandbClient,
  { id, manifest, files }: { id: string; manifest: string; files: readonly ArtifactFile[] },
  signal?: AbortSignal,
): Promise<void> {
  const input = {
    artifactFiles: files.map(({ name, md5 }) => ({
      artifactID: id,
      artifactManifestID: manifest,
      name,
      md5,
    })),
    storageLayout: STORAGE_LAYOUT,
  };
  const data = await client.graphql('CreateArtifactFiles', CREATE_ARTIFACT_FILES, { input }, signal);
  const { edges } = (
    data as { createArtifactFiles: { files: { edges: readonly { node: Partial<UploadTarget> }[] } } }
  ).createArtifactFiles.files;
  if (edges.length !== files.length)
    throw new SinkUnavailable(`W&B gave ${edges.length} addresses for ${files.length} files of an artifact`);
  for (const [index, { node }] of edges.entries()) {
    const file = files[index] as ArtifactFile;
    const target = targetOf(node);
    // no address: W&B has this content
    if (target) await client.put(target, () => contentOf(file), file.name, signal);
  }
}

function contentOf({
  path,
  size,
}: ArtifactFile): string | { stream: ReturnType<typeof createReadStream>; length: number } {
  return size === 0 ? '' : { stream: createReadStream(path, { end: size - 1 }), length: size };
}

function targetOf(given: Partial<UploadTarget> | null): UploadTarget | undefined {
  if (!given?.uploadUrl) return undefined;
  return { uploadUrl: given.uploadUrl, uploadHeaders: given.uploadHeaders ?? [] };
}
