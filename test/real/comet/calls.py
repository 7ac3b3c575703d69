"""The calls of test/real/comet.test.ts, made through Comet's own client."""

import os

import comet_ml

experiment = comet_ml.Experiment(
    project_name="my-llm",
    workspace="my-team",
    experiment_key="python" + "0" * 26,
    auto_output_logging=False,
    log_code=False,
    log_git_metadata=False,
    log_git_patch=False,
    log_env_details=False,
    parse_args=False,
)
experiment.set_name("night-run")
experiment.add_tags(["llm", "debug"])
experiment.log_parameters({"lr": 0.1, "model": {"layers": 3, "name": "x"}, "on": True, "text": "ü"})
for step in range(200):
    loss = float("nan") if step == 50 else float("inf") if step == 60 else float("-inf") if step == 61 else 1 / (step + 1)
    experiment.log_metric("train/loss", loss, step=step, epoch=step // 100)
    experiment.log_metric("train/grad_norm", 1e-300 * step, step=step, epoch=step // 100)
experiment.log_parameter("extra", 5)
experiment.log_other("best", 0.25)
path = os.path.join(os.environ["HOME"], "best.bin")
with open(path, "w") as file:
    file.write("weights")
experiment.log_model("best.bin", path, file_name="best.bin")
experiment.set_model_graph("layer 1")
experiment.log_histogram_3d([0.1, -0.25, 3.0, 3.0], name="gradients/a", step=7, epoch=1)
experiment.end()
