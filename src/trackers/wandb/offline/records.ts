import type { SinkMap } from '../../sink.ts';
import { field, intField } from '../../tensorboard/message.ts';
import { type Alert, ALERT_WAIT_MS } from '../alerts.ts';
import type { ArtifactDescription } from '../artifact/description.ts';
import {
  artifactDigest,
  type ArtifactFile,
  MANIFEST_VERSION,
  STORAGE_LAYOUT,
  STORAGE_POLICY,
} from '../artifact/manifest.ts';
import type { RunMetadata } from '../run-facts.ts';
import { wandbJson } from '../wandb-json.ts';

/** Fields of `Record` (wandb/proto/wandb_internal.proto, 0.31). */
export const RECORD = {
  history: 2,
  summary: 3,
  config: 5,
  files: 6,
  stats: 7,
  artifact: 8,
  alert: 10,
  outputRaw: 13,
  run: 17,
  exit: 18,
  header: 21,
  environment: 26,
} as const;

/** Where items of these messages stand. */
export const ITEM = { history: 1, summary: 1, config: 1, stats: 3 } as const;

export interface OfflineRun {
  readonly id: string;
  readonly entity: string | undefined;
  readonly project: string;
  readonly displayName: string;
  readonly group: string | undefined;
  readonly jobType: string | undefined;
  readonly notes: string | undefined;
  readonly tags: readonly string[];
  readonly host: string | undefined;
  readonly config: SinkMap;
  readonly startedAt: number;
  readonly git: { readonly remote?: string; readonly commit?: string } | undefined;
}

/** First record: who wrote the file, and the oldest reader that may read it. */
export function headerRecord(): Buffer {
  return field(RECORD.header, field(1, field(1, 'llm-otel'), field(2, '0.70.0')));
}

export function runRecord(run: OfflineRun): Buffer {
  const { id, entity, project, displayName, group, jobType, notes, tags, host, config, startedAt, git } = run;
  return field(
    RECORD.run,
    field(1, id),
    ...optional(2, entity),
    field(3, project),
    field(4, ...configItems(config)),
    ...optional(6, group),
    ...optional(7, jobType),
    field(8, displayName),
    ...optional(9, notes),
    ...tags.map((tag) => field(10, tag)),
    ...optional(13, host),
    field(17, ...timestamp(startedAt)),
    ...(git ? [field(21, ...gitFields(git))] : []),
  );
}

export function configRecord(config: SinkMap): Buffer {
  return field(RECORD.config, ...configItems(config));
}

export function environmentRecord(metadata: RunMetadata, startedAt: number): Buffer {
  const text = (key: string): string | undefined =>
    typeof metadata[key] === 'string' ? metadata[key] : undefined;
  const git = metadata['git'] as OfflineRun['git'];
  return field(
    RECORD.environment,
    ...optional(1, text('os')),
    field(3, ...timestamp(startedAt)),
    ...((metadata['args'] as string[] | undefined) ?? []).map((argument) => field(5, argument)),
    ...optional(6, text('program')),
    ...(git ? [field(9, ...gitFields(git))] : []),
    ...optional(12, text('host')),
    ...optional(14, text('executable')),
    ...machineFields(metadata),
    field(199, text('writerId') ?? 'llm-otel'),
  );
}

function machineFields(metadata: RunMetadata): Buffer[] {
  const { cpu, memory, gpu, gpu_count: gpuCount, gpu_nvidia: nvidia, cudaVersion } = metadata;
  const { countLogical, model } = (cpu ?? {}) as { countLogical?: number; model?: string };
  const whole = (number: number, value: unknown): Buffer[] =>
    value === undefined ? [] : [intField(number, BigInt(value as number | string))];
  return [
    ...whole(17, metadata['cpu_count_logical']),
    ...optional(18, gpu as string | undefined),
    ...whole(19, gpuCount),
    ...(memory === undefined ? [] : [field(21, ...whole(1, (memory as { total: string }).total))]),
    ...(cpu === undefined ? [] : [field(22, ...whole(2, countLogical), ...optional(3, model))]),
    ...((nvidia ?? []) as { name: string }[]).map(({ name }) => field(24, field(1, name))),
    ...optional(25, cudaVersion as string | undefined),
  ];
}

/** `time`: milliseconds since the epoch. The head of a StatsRecord, before its items. */
export function statsHead(time: number): Buffer {
  return field(2, ...timestamp(time));
}

export function outputRecord(stream: 'stdout' | 'stderr', time: number, text: string): Buffer {
  return field(
    RECORD.outputRaw,
    intField(1, stream === 'stderr' ? 0 : 1),
    field(2, ...timestamp(time)),
    field(3, `${text}\n`),
  );
}

export function alertRecord({ title, text, level }: Alert): Buffer {
  return field(RECORD.alert, field(1, title), field(2, text), field(3, level), intField(4, ALERT_WAIT_MS));
}

/** A file below the run's `files/`; policy 1 is "at the end". */
export function filesRecord(path: string): Buffer {
  return field(RECORD.files, field(1, field(1, path), intField(2, 1)));
}

const ARTIFACT = {
  run: 1,
  project: 2,
  entity: 3,
  type: 4,
  name: 5,
  digest: 6,
  description: 7,
  metadata: 8,
  aliases: 11,
  manifest: 12,
  finalize: 14,
  clientId: 15,
  sequenceClientId: 16,
  digestAlgorithm: 20,
} as const;
const MANIFEST = { version: 1, policy: 2, policyConfig: 3, contents: 4 } as const;
const ENTRY = { name: 1, md5: 2, size: 4, localPath: 6 } as const;

/** An artifact whose files lie where they say: `wandb sync` makes it, as its own client does online. */
export function artifactRecord(
  place: { readonly entity: string; readonly project: string; readonly run: string },
  artifact: ArtifactDescription,
  files: readonly ArtifactFile[],
): Buffer {
  const { name, type, description, metadata, aliases, clientId, sequenceClientId } = artifact;
  return field(
    RECORD.artifact,
    field(ARTIFACT.run, place.run),
    field(ARTIFACT.project, place.project),
    field(ARTIFACT.entity, place.entity),
    field(ARTIFACT.type, type),
    field(ARTIFACT.name, name),
    field(ARTIFACT.digest, artifactDigest(files)),
    ...optional(ARTIFACT.description, description),
    ...optional(ARTIFACT.metadata, metadata),
    ...aliases.map((alias) => field(ARTIFACT.aliases, alias)),
    field(
      ARTIFACT.manifest,
      intField(MANIFEST.version, MANIFEST_VERSION),
      field(MANIFEST.policy, STORAGE_POLICY),
      field(MANIFEST.policyConfig, field(1, 'storageLayout'), field(2, JSON.stringify(STORAGE_LAYOUT))),
      ...files.map((file) =>
        field(
          MANIFEST.contents,
          field(ENTRY.name, file.name),
          field(ENTRY.md5, file.md5),
          intField(ENTRY.size, file.size),
          field(ENTRY.localPath, file.path),
        ),
      ),
    ),
    intField(ARTIFACT.finalize, 1),
    field(ARTIFACT.clientId, clientId),
    field(ARTIFACT.sequenceClientId, sequenceClientId),
    field(ARTIFACT.digestAlgorithm, 'MANIFEST_MD5'),
  );
}

/** `runtime`: whole seconds. */
export function exitRecord(exitCode: number, runtime: number): Buffer {
  return field(RECORD.exit, intField(1, exitCode), intField(2, runtime));
}

function configItems(config: SinkMap): Buffer[] {
  return Object.entries(config).map(([key, value]) =>
    field(ITEM.config, field(1, key), field(16, wandbJson(value))),
  );
}

function gitFields({ remote, commit }: { readonly remote?: string; readonly commit?: string }): Buffer[] {
  return [...optional(1, remote), ...optional(2, commit)];
}

/** google.protobuf.Timestamp of milliseconds. */
function timestamp(time: number): Buffer[] {
  const seconds = Math.floor(time / 1000);
  return [intField(1, seconds), intField(2, Math.round((time - seconds * 1000) * 1e6))];
}

function optional(number: number, text: string | undefined): Buffer[] {
  return text === undefined ? [] : [field(number, text)];
}
