import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { numpy as np, tree } from '@jax-js/jax';
import { initialParameters, type ModelShape, type Parameters } from './model.ts';

/** A model on disk: one JSON file with its shape, its characters and its weights (float32, base64). */
interface Checkpoint {
  format: 'char-lm-1';
  shape: ModelShape;
  characters: string[];
  /** Run that produced it: a served model names it, so that a bad reply leads back to its training. */
  runId: string;
  weights: string[];
}

export async function saveCheckpoint(
  path: string,
  model: { shape: ModelShape; characters: string[]; runId: string; parameters: Parameters },
): Promise<void> {
  const weights: string[] = [];
  for (const array of tree.leaves<np.Array>(tree.ref(model.parameters))) {
    const values = await array.data();
    weights.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64'));
  }
  const { shape, characters, runId } = model;
  const checkpoint: Checkpoint = { format: 'char-lm-1', shape, characters, runId, weights };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.part`, JSON.stringify(checkpoint));
  renameSync(`${path}.part`, path);
}

export function loadCheckpoint(path: string): {
  shape: ModelShape;
  characters: string[];
  runId: string;
  parameters: Parameters;
} {
  const { format, shape, characters, runId, weights } = JSON.parse(readFileSync(path, 'utf8')) as Checkpoint;
  if (format !== 'char-lm-1')
    throw new Error(`${path} is no char-lm checkpoint (format ${JSON.stringify(format)})`);
  const [leaves, structure] = tree.flatten(initialParameters(shape, () => 0.5));
  const arrays = leaves.map((like, i) => {
    const bytes = Buffer.from(weights[i] ?? '', 'base64');
    const values = new Float32Array(
      bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
    );
    const array = np.array(values).reshape(like.shape);
    like.dispose();
    return array;
  });
  return { shape, characters, runId, parameters: tree.unflatten(structure, arrays) as Parameters };
}
