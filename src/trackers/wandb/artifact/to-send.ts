import type { SinkArtifact } from '../../sink.ts';
import type { WandbSettings } from '../config.ts';
import { type ArtifactFile, artifactFiles } from './manifest.ts';

/** The files of an artifact; undefined, and told, when they are gone or too large. */
export async function artifactToSend(
  { name, path }: SinkArtifact,
  { maxArtifactBytes }: Pick<WandbSettings, 'maxArtifactBytes'>,
  warn: (message: string) => void,
): Promise<ArtifactFile[] | undefined> {
  const files = await artifactFiles(path);
  if (!files) {
    warn(`the artifact ${name} is not here any more (${path}); its record alone stays.`);
    return undefined;
  }
  const size = files.reduce((sum, file) => sum + file.size, 0);
  if (size < maxArtifactBytes) return files;
  warn(`the artifact ${name} has ${size} bytes, too many to send it (maxArtifactBytes).`);
  return undefined;
}
