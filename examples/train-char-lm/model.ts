import { jit, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax';

/**
 * A causal transformer over characters, small enough to train in seconds on one core, with Adam.
 * jax-js counts references: every call takes its arguments over, `.ref` keeps one for another use.
 */
export interface ModelShape {
  vocabulary: number;
  context: number;
  width: number;
  heads: number;
  layers: number;
}

export type Layer = {
  attentionScale: np.Array;
  query: np.Array;
  key: np.Array;
  value: np.Array;
  output: np.Array;
  feedForwardScale: np.Array;
  up: np.Array;
  down: np.Array;
};
export type Parameters = {
  embedding: np.Array;
  position: np.Array;
  finalScale: np.Array;
  head: np.Array;
  layers: Layer[];
};

export function initialParameters(shape: ModelShape, random: () => number): Parameters {
  const { vocabulary, context, width, layers } = shape;
  const gauss = () => Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
  const normal = (rows: number, columns: number, deviation: number) =>
    np
      .array(Float32Array.from({ length: rows * columns }, () => deviation * gauss()))
      .reshape([rows, columns]);
  const ones = () => np.array(new Float32Array(width).fill(1));
  return {
    embedding: normal(vocabulary, width, 0.02),
    position: normal(context, width, 0.02),
    finalScale: ones(),
    head: normal(width, vocabulary, 0.02),
    layers: Array.from({ length: layers }, () => ({
      attentionScale: ones(),
      query: normal(width, width, 0.08),
      key: normal(width, width, 0.08),
      value: normal(width, width, 0.08),
      output: normal(width, width, 0.05),
      feedForwardScale: ones(),
      up: normal(width, 4 * width, 0.08),
      down: normal(4 * width, width, 0.04),
    })),
  };
}

const normalized = (x: np.Array, scale: np.Array): np.Array => nn.standardize(x).mul(scale);

/** @returns logits, float32 [batch, context, vocabulary] */
export function logits(shape: ModelShape, parameters: Parameters, input: np.Array): np.Array {
  const { vocabulary, context, width, heads } = shape;
  const batch = input.shape[0] as number;
  const split = (x: np.Array) => x.reshape([batch, context, heads, width / heads]);
  let hidden = np.matmul(nn.oneHot(input, vocabulary), parameters.embedding).add(parameters.position);
  for (const layer of parameters.layers) {
    const normal = normalized(hidden.ref, layer.attentionScale);
    const query = split(np.matmul(normal.ref, layer.query));
    const key = split(np.matmul(normal.ref, layer.key));
    const value = split(np.matmul(normal, layer.value));
    const mixed = nn
      .dotProductAttention(query, key, value, { isCausal: true })
      .reshape([batch, context, width]);
    hidden = hidden.add(np.matmul(mixed, layer.output));
    const inner = nn.relu(np.matmul(normalized(hidden.ref, layer.feedForwardScale), layer.up));
    hidden = hidden.add(np.matmul(inner, layer.down));
  }
  return np.matmul(normalized(hidden, parameters.finalScale), parameters.head);
}

/** Mean cross-entropy of the next character, in nats. */
export function crossEntropy(
  shape: ModelShape,
  parameters: Parameters,
  input: np.Array,
  target: np.Array,
): np.Array {
  const count = (input.shape[0] as number) * shape.context;
  return nn
    .logSoftmax(logits(shape, parameters, input))
    .mul(nn.oneHot(target, shape.vocabulary))
    .sum()
    .mul(-1 / count);
}

export interface TrainingState {
  parameters: Parameters;
  /** Adam's running means of the gradient and of its square. */
  mean: Parameters;
  square: Parameters;
}
export interface StepResult {
  loss: number;
  gradientNorm: number;
}

/** `change` over the arrays of parameters of the same shape, place by place. */
function mapParameters(
  change: (...arrays: ArrayTuple) => np.Array,
  first: Parameters,
  ...rest: Parameters[]
): Parameters {
  return tree.map<np.Array, np.Array, Parameters>(change, first, ...rest);
}
type ArrayTuple = [np.Array, np.Array, np.Array];

export function initialState(shape: ModelShape, random: () => number): TrainingState {
  const parameters = initialParameters(shape, random);
  const zeros = (): Parameters => mapParameters((array) => np.zerosLike(array), tree.ref(parameters));
  return { parameters, mean: zeros(), square: zeros() };
}

/** Compiles one training step; `state` is updated in place. Adam as in Kingma and Ba 2015, with beta 0.9 and 0.99. */
export function compileTrainStep(shape: ModelShape, state: TrainingState) {
  const beta1 = 0.9;
  const beta2 = 0.99;
  const step = jit(
    (
      parameters: Parameters,
      mean: Parameters,
      square: Parameters,
      input: np.Array,
      target: np.Array,
      learningRate: np.Array,
      meanCorrection: np.Array,
      squareCorrection: np.Array,
    ) => {
      const [loss, gradient] = valueAndGrad((p: Parameters, x: np.Array, y: np.Array) =>
        crossEntropy(shape, p, x, y),
      )(tree.ref(parameters), input, target) as [np.Array, Parameters];
      const squares = tree.leaves(tree.ref(gradient)).map((g: np.Array) => np.square(g).sum());
      const norm = np.sqrt(squares.reduce((a: np.Array, b: np.Array) => a.add(b)));
      const nextMean = mapParameters((m, g) => m.mul(beta1).add(g.mul(1 - beta1)), mean, tree.ref(gradient));
      const nextSquare = mapParameters(
        (s, g) => s.mul(beta2).add(np.square(g).mul(1 - beta2)),
        square,
        gradient,
      );
      const next = mapParameters(
        (p, m, s) =>
          p.sub(
            m.ref
              .mul(meanCorrection.ref)
              .div(np.sqrt(s.ref.mul(squareCorrection.ref)).add(1e-8))
              .mul(learningRate.ref),
          ),
        parameters,
        nextMean,
        nextSquare,
      );
      for (const scalar of [learningRate, meanCorrection, squareCorrection]) scalar.dispose();
      return [loss, norm, next, nextMean, nextSquare] as const;
    },
  );
  let count = 0;
  return async (input: np.Array, target: np.Array, learningRate: number): Promise<StepResult> => {
    count++;
    const [loss, norm, parameters, mean, square] = step(
      state.parameters,
      state.mean,
      state.square,
      input,
      target,
      np.array(learningRate),
      np.array(1 / (1 - beta1 ** count)),
      np.array(1 / (1 - beta2 ** count)),
    );
    Object.assign(state, { parameters, mean, square });
    return { loss: (await loss.data())[0] as number, gradientNorm: (await norm.data())[0] as number };
  };
}
