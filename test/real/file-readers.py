"""Prints, as JSON, what the usual Python readers find in an exported run: file-readers.py WHAT PATH."""

import csv
import json
import math
import os
import sqlite3
import sys


def named(value):
    """A double as JavaScript writes it, so that nothing is lost on the way."""
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    text = repr(value)
    if text.endswith(".0"):
        return text[:-2]
    return text.replace("e+0", "e+").replace("e-0", "e-")


def events(path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata
    from tensorboard.util import tensor_util

    accumulator = EventAccumulator(path, size_guidance={"tensors": 0})
    accumulator.Reload()
    found = {"scalars": {}, "histograms": {}, "texts": {}, "hparams": {}, "status": None}
    found["files"] = sum("tfevents" in name for name in os.listdir(path))
    for tag in accumulator.Tags()["tensors"]:
        plugin = accumulator.SummaryMetadata(tag).plugin_data
        points = [(event.step, tensor_util.make_ndarray(event.tensor_proto)) for event in accumulator.Tensors(tag)]
        if plugin.plugin_name == "scalars":
            found["scalars"][tag] = [[step, named(value.item())] for step, value in points]
        elif plugin.plugin_name == "histograms":
            found["histograms"][tag] = [[step, value.tolist()] for step, value in points]
        elif plugin.plugin_name == "text":
            found["texts"][tag] = points[-1][1].item().decode()
        elif tag.endswith("session_start_info"):
            start = metadata.parse_session_start_info_plugin_data(plugin.content)
            found["hparams"] = {
                name: getattr(value, value.WhichOneof("kind")) for name, value in start.hparams.items()
            }
        else:
            end = metadata.parse_session_end_info_plugin_data(plugin.content)
            from tensorboard.plugins.hparams import api_pb2

            found["status"] = api_pb2.Status.Name(end.status)
    return found


def parquet(path):
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    rows = [row for row in table.to_pylist() if row["kind"] == "value"]
    return {
        "types": {field.name: str(field.type) for field in table.schema},
        "values": [[row["seq"], row["key"], named(row["value"])] for row in rows],
    }


def json_lines(path):
    with open(path, encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    steps = [record for record in records if record["type"] == "step"]
    return [[step["seq"], key, named(value)] for step in steps for key, value in step["values"].items()]


def csv_rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "value"]
    return [[int(row["seq"]), row["key"], named(row["value"])] for row in rows]


def sqlite(path):
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT seq, key, value, text FROM history ORDER BY seq, key").fetchall()
    return [[seq, key, named(text if value is None or text == "-0" else value)] for seq, key, value, text in rows]


READERS = {"events": events, "parquet": parquet, "json": json_lines, "csv": csv_rows, "sqlite": sqlite}
json.dump(READERS[sys.argv[1]](sys.argv[2]), sys.stdout)
