import { createHash } from 'node:crypto';
import type { SinkArtifact, SinkMap } from '../../sink.ts';
import { configValue, shortened } from '../run-facts.ts';

const MAX_NAME = 128;
const MAX_ALIAS = 128;

/** What an artifact of a run is called at W&B. */
export interface ArtifactDescription {
  /** Of the collection whose versions it is one of. */
  readonly name: string;
  readonly type: string;
  readonly description: string | undefined;
  /** JSON; undefined for none. */
  readonly metadata: string | undefined;
  readonly aliases: readonly string[];
  /**
   * Identity that the client gives, 128 letters and digits: here made of the run and the record, so that an artifact
   * which is created again is the same one.
   */
  readonly clientId: string;
  /** Of the collection. */
  readonly sequenceClientId: string;
}

/** W&B keeps these to itself (sdk/artifacts/_validators.py of wandb 0.31). */
const RESERVED = [/^wandb-/, /^job$/, /^run_table$/, /^code$/];

/**
 * Name and kind as W&B takes them. Of the metadata, `description` (a text) and `aliases` (a list of texts, beside
 * `latest`) are W&B's own.
 */
export function describeArtifact(
  { name, kind, seq, metadata }: SinkArtifact,
  place: { readonly entity: string; readonly project: string; readonly run: string },
): ArtifactDescription {
  const { description, aliases, ...rest } = metadata;
  const given = Array.isArray(aliases) ? aliases.filter((alias) => typeof alias === 'string') : [];
  const type = typeOf(kind);
  const collection = nameOf(name);
  const project = `${place.entity}/${place.project}`;
  return {
    name: collection,
    type,
    description: typeof description === 'string' ? description : undefined,
    metadata: metadataText(rest),
    aliases: [...new Set(['latest', ...given.map((alias) => fit(alias, MAX_ALIAS))])],
    clientId: identity('artifact', project, place.run, String(seq)),
    sequenceClientId: identity('sequence', project, type, collection),
  };
}

function typeOf(kind: string): string {
  const type = fit(kind, MAX_NAME) || 'file';
  return RESERVED.some((pattern) => pattern.test(type)) ? `run-${type}` : type;
}

/** With a part of its hash where it had to be changed, so that no two names become one. */
function nameOf(name: string): string {
  const fitting = fit(name, MAX_NAME);
  if (fitting === name) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 6);
  return shortened(`${fitting || 'artifact'}-${hash}`, MAX_NAME);
}

/** Letters and digits, `-`, `_` and `.` are what every server takes. */
function fit(text: string, limit: number): string {
  return shortened(text.replaceAll(/[^\w.-]+/g, '-').replaceAll(/^-+|-+$/g, ''), limit);
}

function metadataText(metadata: SinkMap): string | undefined {
  if (Object.keys(metadata).length === 0) return undefined;
  return JSON.stringify(configValue({ ...metadata }));
}

function identity(...parts: readonly string[]): string {
  return createHash('sha512').update(parts.join('\0')).digest('hex');
}
