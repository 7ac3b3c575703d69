"""A run that is recorded with the example's `run_events`, with worker processes, until its input ends.

    python recorded.py RUN_ID COUNT MEBIBYTES
"""

import sys

import workers
from run_events import Run

with Run("foreign", "from Python", run_id=sys.argv[1]) as run:
    own = workers.started(int(sys.argv[2]), int(sys.argv[3]))
    run.step({"train/loss": 0.5}, step=0)
    run._provider.force_flush()
    sys.stdin.buffer.read()
    run.step({"train/loss": 0.25}, step=1)
    workers.end(own)
