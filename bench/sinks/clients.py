"""A step of ten values with the trackers' own clients: told a client and a number of steps a line, prints us per step."""
import math
import os
import sys
import time

folder = sys.argv[1]
os.chdir(folder)
os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_CONSOLE="off", MLFLOW_DISABLE_TELEMETRY="true")
import mlflow
import wandb

mlflow.set_tracking_uri("sqlite:///" + folder + "/mlflow.db")
mlflow.start_run()
run = wandb.init(project="bench", dir=folder)
KEYS = sys.argv[2].split(",")
number = 0


def log_wandb(values, step):
    run.log(values, step=step)


def log_mlflow(values, step):
    mlflow.log_metrics(values, step=step)


print("ready", flush=True)
for line in sys.stdin:
    client, count = line.split()
    log = {"wandb": log_wandb, "mlflow": log_mlflow}[client]
    spent = 0.0
    for _ in range(int(count)):
        number += 1
        values = {key: math.sin(number * 1e-3) + index for index, key in enumerate(KEYS)}
        begin = time.perf_counter()
        log(values, number)
        spent += time.perf_counter() - begin
    print(spent / int(count) * 1e6, flush=True)
