import { createHash } from 'node:crypto';
import type { GraphqlRequest } from './graphql-request.ts';

/** An artifact as the stand-in keeps it. */
export interface StoredArtifact {
  readonly id: string;
  readonly run: string;
  readonly type: string;
  readonly name: string;
  readonly digest: string;
  readonly clientId: string;
  readonly description: string | null;
  readonly metadata: string | null;
  aliases: string[];
  state: 'PENDING' | 'COMMITTED';
  /** In the order in which its collection got them. */
  version: number;
  /** By name; declared, and uploaded once there are bytes. */
  readonly files: Map<string, { readonly md5: string; bytes: Buffer | undefined }>;
  manifest: { digest: string; bytes: Buffer | undefined } | undefined;
}

interface Manifest {
  version: number;
  storagePolicy: string;
  storagePolicyConfig: unknown;
  contents: Record<string, { digest: string; size: number; birthArtifactID?: string; local_path?: string }>;
}

const INPUT_FIELDS = new Set(
  'aliases artifactCollectionName artifactCollectionNames artifactTypeName clientID clientMutationId description digest digestAlgorithm distributedID enableDigestDeduplication entityName historyStep labels metadata projectName runName sequenceClientID storageRegion ttlDurationSeconds'.split(
    ' ',
  ),
);
const FILE_FIELDS = new Set('artifactID artifactManifestID md5 mimetype name uploadPartsInput'.split(' '));

/**
 * The artifacts of the stand-in. It takes what W&B's own client sends and no less: an identity, files with the MD5 they
 * were declared with, a manifest that names just these, a digest that fits it; and commits nothing that is not whole.
 */
export class ArtifactStore {
  readonly artifacts: StoredArtifact[] = [];
  readonly #entity: string;
  readonly #address: () => string;

  /** `entity`: of those who name none, as `wandb sync` does. */
  constructor(entity: string, address: () => string) {
    this.#entity = entity;
    this.#address = address;
  }

  /** Committed ones. */
  get committed(): StoredArtifact[] {
    return this.artifacts.filter(({ state }) => state === 'COMMITTED');
  }

  readonly operations: Readonly<Record<string, (asked: GraphqlRequest) => unknown>> = {
    ArtifactType: () => ({ project: { artifact: null } }),
    CreateArtifact: ({ variables }) => this.#create(variables['input'] as Record<string, unknown>),
    CreateArtifactManifest: ({ variables }) => this.#declareManifest(variables),
    CreateArtifactFiles: ({ variables }) => this.#declareFiles(variables['input'] as Record<string, unknown>),
    CommitArtifact: ({ variables }) => this.#commit(this.#pending(variables['artifactID'])),
  };

  /** What was written to an address that was given out; a complaint, or undefined. */
  put(path: string, bytes: Buffer): string | undefined {
    const [id, kind, ...rest] = path.slice('/artifacts/'.length).split('/').map(decodeURIComponent);
    const artifact = this.artifacts.find((one) => one.id === id);
    const place = kind === 'manifest' ? artifact?.manifest : artifact?.files.get(rest.join('/'));
    if (!artifact || !place) return `upload to ${path}, which was not asked for`;
    const expected = 'md5' in place ? place.md5 : place.digest;
    if (md5(bytes) !== expected) return `${path} has another MD5 than was declared`;
    place.bytes = bytes;
    return undefined;
  }

  #create(input: Record<string, unknown>): unknown {
    for (const key of Object.keys(input))
      if (!INPUT_FIELDS.has(key))
        throw new Error(`Field "${key}" is not defined by type CreateArtifactInput.`);
    const text = (key: string): string => {
      const value = input[key];
      if (typeof value !== 'string' || value === '') throw new Error(`${key} is missing`);
      return value;
    };
    const [name, type, clientId] = [
      text('artifactCollectionName'),
      text('artifactTypeName'),
      text('clientID'),
    ];
    if (!/^[\w.-]{1,128}$/.test(name)) throw new Error(`invalid artifact name ${name}`);
    if (!/^[\w.-]{1,128}$/.test(type)) throw new Error(`invalid artifact type ${type}`);
    if (clientId.length !== 128 || text('sequenceClientID').length !== 128)
      throw new Error('invalid client id');
    if (!/^[0-9a-f]{32}$/.test(text('digest'))) throw new Error('invalid digest');
    if (input['digestAlgorithm'] !== 'MANIFEST_MD5') throw new Error('unknown digest algorithm');
    if (typeof input['metadata'] === 'string') JSON.parse(input['metadata']);
    const aliases = (input['aliases'] as { artifactCollectionName: string; alias: string }[]).map(
      ({ artifactCollectionName, alias }) => {
        if (artifactCollectionName !== name) throw new Error('an alias of another collection');
        return alias;
      },
    );
    const same = this.artifacts.find((one) => one.clientId === clientId);
    const newest = this.committed.filter((one) => one.name === name).at(-1);
    const known = same ?? (newest?.digest === input['digest'] ? newest : undefined);
    if (known) return payload(known);
    const artifact: StoredArtifact = {
      id: `QXJ0aWZhY3Q6${this.artifacts.length}`,
      run: `${(input['entityName'] as string) || this.#entity}/${text('projectName')}/${text('runName')}`,
      type,
      name,
      digest: text('digest'),
      clientId,
      description: (input['description'] ?? null) as string | null,
      metadata: (input['metadata'] ?? null) as string | null,
      aliases,
      state: 'PENDING',
      version: -1,
      files: new Map(),
      manifest: undefined,
    };
    this.artifacts.push(artifact);
    return payload(artifact);
  }

  #declareManifest(variables: Readonly<Record<string, unknown>>): unknown {
    const artifact = this.#pending(variables['artifactID']);
    if (variables['name'] !== 'wandb_manifest.json' || variables['manifestType'] !== 'FULL')
      throw new Error('not a full manifest');
    const digest = variables['digest'] as string;
    if (digest !== '') artifact.manifest = { digest, bytes: undefined };
    const uploadUrl = variables['includeUpload'] ? this.#url(artifact, 'manifest') : undefined;
    return {
      createArtifactManifest: {
        artifactManifest: { id: `M:${artifact.id}`, file: { id: 'f', uploadUrl, uploadHeaders: [] } },
      },
    };
  }

  #declareFiles({ artifactFiles, storageLayout }: Record<string, unknown>): unknown {
    if (storageLayout !== 'V2') throw new Error(`storage layout ${String(storageLayout)}`);
    const edges = (artifactFiles as Record<string, string | null>[]).map((file) => {
      for (const key of Object.keys(file))
        if (!FILE_FIELDS.has(key))
          throw new Error(`Field "${key}" is not defined by type CreateArtifactFileSpecInput.`);
      const artifact = this.#pending(file['artifactID']);
      if (file['artifactManifestID'] !== `M:${artifact.id}`)
        throw new Error('the manifest of another artifact');
      const [name, sum] = [file['name'] ?? '', file['md5'] ?? ''];
      if (name === '' || name.startsWith('/') || name.split('/').includes('..'))
        throw new Error(`bad name ${name}`);
      const there = artifact.files.get(name);
      const isThere = there?.md5 === sum && there.bytes !== undefined;
      if (!isThere) artifact.files.set(name, { md5: sum, bytes: undefined });
      return {
        node: {
          storagePath: `wandb_artifacts/${sum}`,
          uploadUrl: isThere ? null : this.#url(artifact, 'file', ...name.split('/')),
          uploadHeaders: [`Content-MD5:${sum}`],
          uploadMultipartUrls: null,
          artifact: { id: artifact.id },
        },
      };
    });
    return { createArtifactFiles: { files: { edges } } };
  }

  #commit(artifact: StoredArtifact): unknown {
    const bytes = artifact.manifest?.bytes;
    if (!bytes) throw new Error('an artifact without its manifest');
    const manifest = JSON.parse(bytes.toString()) as Manifest;
    if (manifest.version !== 1 || manifest.storagePolicy !== 'wandb-storage-policy-v1')
      throw new Error('an unknown manifest');
    if (JSON.stringify(manifest.storagePolicyConfig) !== '{"storageLayout":"V2"}')
      throw new Error('an unknown layout');
    const named = Object.entries(manifest.contents).toSorted(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, { digest, size }] of named) {
      const file = artifact.files.get(name);
      if (!file?.bytes || file.md5 !== digest || file.bytes.length !== size)
        throw new Error(`${name} is not as the manifest says`);
    }
    if (named.length !== artifact.files.size) throw new Error('files that the manifest does not name');
    const sums = named.map(([name, { digest }]) => `${name}:${digest}\n`).join('');
    const digest = createHash('md5').update(`wandb-artifact-manifest-v1\n${sums}`).digest('hex');
    if (digest !== artifact.digest) throw new Error('the digest does not fit the manifest');
    const versions = this.committed.filter(({ name }) => name === artifact.name);
    artifact.version = versions.length;
    // an alias is at one version only
    for (const other of versions)
      other.aliases = other.aliases.filter((alias) => !artifact.aliases.includes(alias));
    artifact.state = 'COMMITTED';
    return { commitArtifact: { artifact: { id: artifact.id, digest } } };
  }

  #pending(id: unknown): StoredArtifact {
    const artifact = this.artifacts.find((one) => one.id === id);
    if (!artifact) throw new Error(`artifact ${String(id)} not found`);
    if (artifact.state !== 'PENDING') throw new Error('the artifact is committed already');
    return artifact;
  }

  #url(artifact: StoredArtifact, ...parts: string[]): string {
    return `${this.#address()}/artifacts/${[artifact.id, ...parts].map(encodeURIComponent).join('/')}`;
  }
}

function payload({ id, state }: StoredArtifact): unknown {
  return { createArtifact: { artifact: { id, state, artifactSequence: { latestArtifact: null } } } };
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('base64');
}
