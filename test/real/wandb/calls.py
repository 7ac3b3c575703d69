"""The calls of test/real/wandb.test.ts, made through W&B's own client."""

import sys
import time

import wandb

mode = sys.argv[1] if len(sys.argv) > 1 else "first"

if mode == "resume":
    # goes on with a run that somebody else wrote
    run = wandb.init(project="my-llm", id=sys.argv[2], resume="must")
    print(f"step {run.starting_step}")
    run.log({"train/loss": 0.125})
    run.finish()
    sys.exit(0)

if mode == "print":
    # the lines of printing.ts
    run = wandb.init(project="my-llm", id="python", settings=wandb.Settings(console="wrap"))
    print("epoch 1")
    for percent in range(0, 101, 10):
        sys.stdout.write(f"\r{percent}%")
        # their client looks at the terminal now and then
        time.sleep(0.01)
    print()
    print("grün 😀")
    sys.stderr.write("careful\n")
    sys.stdout.write("in ")
    sys.stdout.write("pieces\n")
    sys.stdout.write("the rest")
    run.finish()
    sys.exit(0)

if mode == "histogram":
    run = wandb.init(project="my-llm", id="python")
    values = [0.1, -0.25, 3.0, 3.0]
    run.log({"train/loss": 1.0, "gradients/a": wandb.Histogram(values, num_bins=8)}, step=0)
    bins = wandb.Histogram(np_histogram=([2, 0, 5], [0.0, 0.5, 1.0, 1.5]))
    run.log({"train/loss": 0.5, "activations/b": bins}, step=1)
    run.finish()
    sys.exit(0)

if mode == "artifact":
    folder = sys.argv[2]
    run = wandb.init(project="my-llm", id="python")
    run.log({"train/loss": 1.0}, step=0)
    best = wandb.Artifact("best", type="model", description="the best", metadata={"accuracy": 0.5, "layers": [1, 2]})
    best.add_dir(f"{folder}/model")
    run.log_artifact(best, aliases=["latest", "prod"])
    run.log_artifact(f"{folder}/data.bin", name="data", type="dataset")
    run.finish()
    sys.exit(0)

if mode == "system":
    run = wandb.init(project="my-llm", id="python", settings=wandb.Settings(x_stats_sampling_interval=0.2))
    # the share of a CPU is there from the second sample on
    time.sleep(1.5)
    run.finish()
    sys.exit(0)

run = wandb.init(
    project="my-llm",
    id="python",
    name="night-run",
    group="g1",
    job_type="training",
    notes="a note",
    tags=["llm", "debug"],
    config={"lr": 0.1, "model": {"layers": 3, "name": "x"}, "list": [1, 2], "on": True, "text": "ü"},
)
for step in range(200):
    loss = float("nan") if step == 50 else float("inf") if step == 60 else float("-inf") if step == 61 else 1 / (step + 1)
    run.log({"train/loss": loss, "train/grad_norm": 1e-300 * step}, step=step * 2)
    if step % 50 == 49:
        run.log({"val/loss": step / 7}, step=step * 2)
run.config.update({"extra": 5})
run.tags += ("late",)
run.summary["best"] = 0.25
print("a line")
print("a complaint", file=sys.stderr)
run.alert(title="hot", text="hot", level="WARN")
run.finish(exit_code=1)
