import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { SinkArtifact, SinkRun } from '../sink.ts';
import { sourceSnapshot } from '../source-code/snapshot.ts';
import type { CometSettings } from './config.ts';
import { valueText } from './experiment.ts';

/** Longest text that is taken for a graph, bytes. */
const MAX_GRAPH = 1024 * 1024;

export interface Asset {
  readonly fileName: string;
  readonly type: string;
  /** A model's elements belong together by this. */
  readonly groupingName?: string;
  readonly metadata?: string;
}

/** What an artifact is at Comet; undefined, and told, when its file is gone or too large. */
export async function assetOf(
  artifact: SinkArtifact,
  { maxArtifactBytes, logGraph }: Pick<CometSettings, 'maxArtifactBytes' | 'logGraph'>,
  warn: (message: string) => void,
): Promise<{ asset: Asset; size: number } | { graph: string } | undefined> {
  const found = await stat(artifact.path).catch(() => undefined);
  if (!found?.isFile()) {
    warn(
      `the artifact ${artifact.name} is no file here any more (${artifact.path}); its record alone stays.`,
    );
    return undefined;
  }
  if (found.size > maxArtifactBytes) {
    warn(`the artifact ${artifact.name} has ${found.size} bytes, too many to send it (maxArtifactBytes).`);
    return undefined;
  }
  if (artifact.kind === 'graph' && logGraph && found.size <= MAX_GRAPH)
    return { graph: await readFile(artifact.path, 'utf8') };
  const metadata =
    Object.keys(artifact.metadata).length > 0 ? { metadata: valueText({ ...artifact.metadata }) } : {};
  const own = basename(artifact.name) || 'artifact';
  const extension = /\.[\w-]{1,12}$/.exec(artifact.path)?.[0] ?? '';
  const fileName = /\.[\w-]{1,12}$/.test(own) ? own : own + extension;
  const asset: Asset =
    artifact.kind === 'model'
      ? { fileName, type: 'model-element', groupingName: own, ...metadata }
      : { fileName, type: 'asset', ...metadata };
  return { asset, size: found.size };
}

/** What `log_code` adds: the sources, and what git does not have. Only in the run's own process. */
export async function codeAssets(
  run: SinkRun,
  warn: (message: string) => void,
): Promise<{ asset: Asset; bytes: Uint8Array }[]> {
  if (run.pid !== process.pid) {
    warn('log_code: the code is where the run is, not here; the commit goes with the run.');
    return [];
  }
  const { files, patch, left } = await sourceSnapshot(process.cwd());
  if (left > 0) warn(`log_code: ${left} source files were left out (too many, or too large).`);
  return [
    ...files.map(({ path, bytes }) => ({ asset: { fileName: path, type: 'source_code' }, bytes })),
    ...(patch === undefined
      ? []
      : [{ asset: { fileName: 'git.patch', type: 'asset' }, bytes: Buffer.from(patch) }]),
  ];
}
