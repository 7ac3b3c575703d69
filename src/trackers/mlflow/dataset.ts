import { createHash } from 'node:crypto';
import type { SinkArtifact, SinkValue } from '../sink.ts';
import { cut } from './keys.ts';
import { valueText } from './tags.ts';

/** Limits of a dataset (mlflow/store/entities, REST API). */
const MAX_NAME = 500;
const MAX_DIGEST = 36;
const MAX_SOURCE = 65_535;
const MAX_SCHEMA = 1_048_575;
const MAX_PROFILE = 16_777_215;

/**
 * An artifact of kind `dataset` as an input of the run. Its metadata may say `digest`, `source` (where it came from),
 * `source_type`, `schema`, `profile` and `context` (`training`, `eval` ...); the file itself is not sent.
 */
export function datasetInput(artifact: SinkArtifact): object {
  const { metadata, sha256, path, name } = artifact;
  const text = (key: string): string | undefined => {
    const value: SinkValue | undefined = metadata[key];
    return value === undefined || value === null ? undefined : valueText(value);
  };
  const digest = text('digest') ?? (sha256 || createHash('sha256').update(path).digest('hex'));
  const schema = text('schema');
  const profile = text('profile');
  return {
    tags: [{ key: 'mlflow.data.context', value: text('context') ?? 'training' }],
    dataset: {
      name: cut(name, MAX_NAME),
      digest: cut(digest, MAX_DIGEST),
      source_type: text('source_type') ?? 'local',
      source: cut(text('source') ?? JSON.stringify({ uri: path }), MAX_SOURCE),
      ...(schema === undefined ? {} : { schema: cut(schema, MAX_SCHEMA) }),
      ...(profile === undefined ? {} : { profile: cut(profile, MAX_PROFILE) }),
    },
  };
}
