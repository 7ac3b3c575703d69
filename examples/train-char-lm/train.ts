/**
 * Trains a small character model on Moby-Dick and records the run with llm-otel.
 *
 *   node examples/train-char-lm/train.ts [--steps 400] [--out ./.llm-otel/model.json] [--layers 1] [--learning-rate 0.003]
 *     [--name char-lm]
 *
 * Telemetry goes to OTEL_EXPORTER_OTLP_ENDPOINT (default http://127.0.0.1:4318).
 */
import { setImmediate } from 'node:timers/promises';
import { init, jit, type numpy as np, tree } from '@jax-js/jax';
import { startRun } from 'llm-otel/training';
import { COUNT, readFlags } from '../flags.ts';
import { saveCheckpoint } from './checkpoint.ts';
import { drawBatch, readText, seededRandom, Vocabulary } from './data.ts';
import { compileTrainStep, crossEntropy, initialState, type Parameters } from './model.ts';

const flags = readFlags(
  { steps: 400, out: './.llm-otel/model.json', layers: 1, name: 'char-lm', 'learning-rate': 0.003 },
  { steps: COUNT, layers: { from: 1, to: 24 }, 'learning-rate': { from: 0, to: 1, whole: false } },
);
const { steps, layers, 'learning-rate': peak } = flags;
const batch = 16;
const stepsPerEpoch = 200;
const warmup = 20;

await init();
const vocabulary = new Vocabulary(readText());
const data = vocabulary.encode(readText());
const split = Math.floor(data.length * 0.95);
const [trainData, heldOut] = [data.subarray(0, split), data.subarray(split)];
const shape = { vocabulary: vocabulary.size, context: 32, width: 64, heads: 4, layers };
const random = seededRandom(1);
const state = initialState(shape, random);
const parameters = (tree.leaves(tree.ref(state.parameters)) as { shape: number[]; dispose(): void }[])
  .map((leaf) => [leaf.shape.reduce((a, b) => a * b, 1), leaf.dispose()] as const)
  .reduce((sum, [size]) => sum + size, 0);

// One run. `await using` ends it when this block is left, also by an error.
await using run = await startRun({
  project: 'char-lm',
  name: flags.name,
  params: { ...shape, batch, steps, parameters, optimizer: 'adam', learning_rate: peak, data: 'moby-dick' },
  tags: { example: 'train-char-lm' },
});
console.log(`training ${parameters} parameters for ${steps} steps; run ${run.id}`);

const trainStep = compileTrainStep(shape, state);
const evaluate = jit((p: Parameters, x: np.Array, y: np.Array) => crossEntropy(shape, p, x, y));

/** Warm-up, then a cosine to a tenth. */
const learningRateAt = (step: number) =>
  step < warmup
    ? (peak * (step + 1)) / warmup
    : peak * (0.1 + 0.45 * (1 + Math.cos((Math.PI * (step - warmup)) / (steps - warmup))));

async function validate(step: number): Promise<number> {
  return run.phase('validation', async () => {
    let loss = 0;
    const batches = 5;
    for (let i = 0; i < batches; i++) {
      const { input, target } = drawBatch(heldOut, batch, shape.context, random);
      const value = evaluate(tree.ref(state.parameters), input, target);
      loss += ((await value.data())[0] as number) / batches;
    }
    run.validation({ loss }, { step });
    return loss;
  });
}

let step = 0;
while (step < steps) {
  await run.phase('train epoch', async () => {
    const end = Math.min(steps, step + stepsPerEpoch);
    for (; step < end; step++) {
      const { input, target } = drawBatch(trainData, batch, shape.context, random);
      const learningRate = learningRateAt(step);
      const { loss, gradientNorm } = await trainStep(input, target, learningRate);
      run.step(
        { 'train/loss': loss, 'train/learning_rate': learningRate, 'train/grad_norm': gradientNorm },
        { step, epoch: step / stepsPerEpoch, tokens: batch * shape.context, samples: batch },
      );
      // jax-js computes without giving the event loop a turn; without one nothing can be sent before the end.
      await setImmediate();
      if (step % 50 === 0) console.log(`step ${String(step).padStart(4)}  loss ${loss.toFixed(3)}`);
    }
  });
  console.log(`step ${String(step).padStart(4)}  validation loss ${(await validate(step - 1)).toFixed(3)}`);
}

await run.phase('checkpoint', async () => {
  await saveCheckpoint(flags.out, {
    shape,
    characters: vocabulary.characters,
    runId: run.id,
    parameters: state.parameters,
  });
  await run.artifact(flags.out, { name: 'char-lm', kind: 'model' });
});
await run.finish();
const { recorded, delivered } = run.stats();
console.log(`run ${run.id} finished: ${recorded} records made, ${delivered} accepted`);
