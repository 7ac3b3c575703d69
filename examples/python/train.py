"""Trains a tiny model for real and records it as a run, with only the official OpenTelemetry SDK.

Logistic regression on two noisy clouds of points, by mini-batch gradient descent, in plain Python: the loss falls and is
noisy because it is one. One batch holds a broken example, so its loss is NaN: it is recorded as it is, and that update
is left out, as a training loop would do.

    pip install -r requirements.txt
    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4319 python train.py
"""

import argparse
import math
import random
import sys
import time

from run_events import Run

FEATURES = 8
EXAMPLES = 1024
BATCH = 16
BROKEN_EXAMPLE_AT_STEP = 120


def clouds(rng, count):
    """Examples of two classes whose centres are close enough to make mistakes."""
    centre = [0.35 * (-1) ** i for i in range(FEATURES)]
    data = []
    for _ in range(count):
        label = rng.randrange(2)
        side = 1.0 if label else -1.0
        data.append(([side * c + rng.gauss(0.0, 1.0) for c in centre], label))
    return data


def probability(weights, bias, features):
    score = bias + sum(w * x for w, x in zip(weights, features))
    return 0.0 if score < -700.0 else 1.0 / (1.0 + math.exp(-score))


def loss_of(p, label):
    right = p if label else 1.0 - p
    # max() would turn NaN into a number: compare so that NaN stays.
    return -math.log(1e-12 if right < 1e-12 else right)


def loss_and_gradient(weights, bias, batch):
    gradient = [0.0] * (FEATURES + 1)
    loss = 0.0
    for features, label in batch:
        p = probability(weights, bias, features)
        loss += loss_of(p, label)
        for i, x in enumerate(features):
            gradient[i] += (p - label) * x
        gradient[FEATURES] += p - label
    n = len(batch)
    return loss / n, [g / n for g in gradient]


def in_bins(values, bins=5):
    """Edges and counts, as numpy.histogram gives them."""
    low, high = min(values), max(values)
    width = (high - low) / bins or 1.0
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int((value - low) / width))] += 1
    return [low + width * i for i in range(bins + 1)], counts


def validate(weights, bias, data):
    ps = [(probability(weights, bias, features), label) for features, label in data]
    return {
        "val/loss": sum(loss_of(p, label) for p, label in ps) / len(ps),
        "val/accuracy": sum((p > 0.5) == bool(label) for p, label in ps) / len(ps),
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--steps", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=7)
    arguments.add_argument("--name", default="logistic-regression-python")
    options = arguments.parse_args()

    rng = random.Random(options.seed)
    training, validation = clouds(rng, EXAMPLES), clouds(rng, 256)
    weights, bias = [rng.gauss(0.0, 1.5) for _ in range(FEATURES)], 0.0
    peak = 0.2
    params = {
        "model": "logistic regression",
        "features": FEATURES,
        "batch_size": BATCH,
        "learning_rate": peak,
        "seed": options.seed,
        "steps": options.steps,
        "optimizer": {"name": "sgd", "schedule": "cosine"},
    }
    with Run(
        project="examples",
        name=options.name,
        params=params,
        tags={"language": "python", "example": True},
        source={"command": " ".join(sys.argv)},
    ) as run:
        scores, loss = {}, 0.0
        for step in range(options.steps):
            start = time.perf_counter()
            batch = rng.sample(training, BATCH)
            if step == BROKEN_EXAMPLE_AT_STEP:
                batch[0] = ([math.nan] * FEATURES, 1)
            loss, gradient = loss_and_gradient(weights, bias, batch)
            norm = math.sqrt(sum(g * g for g in gradient))
            rate = 0.5 * peak * (1.0 + math.cos(math.pi * step / options.steps))
            if math.isfinite(norm):
                weights = [w - rate * g for w, g in zip(weights, gradient)]
                bias -= rate * gradient[FEATURES]
            epoch = (step + 1) * BATCH / EXAMPLES
            run.step(
                {
                    "train/loss": loss,
                    "train/learning_rate": rate,
                    "train/grad_norm": norm,
                    "train/step_time": time.perf_counter() - start,
                },
                step=step,
                epoch=epoch,
            )
            if (step + 1) % 50 == 0:
                scores = validate(weights, bias, validation)
                run.step(scores, step=step, epoch=epoch)
                run.histogram("parameters/weights", *in_bins(weights), step=step, epoch=epoch)
        run.note("Training is done; the weights are not kept.")
        run.end("finished", {"train/loss": loss, **scores})
        print(f"run {run.id}: {run.records} records, validation {scores}")


if __name__ == "__main__":
    main()
