"""Starts processes that compute and hold memory, and ends them when its input ends. Only the standard library.

    python3 workers.py COUNT MEBIBYTES
"""

import subprocess
import sys

WORKER = """
import os, sys, threading

held = bytearray(b"x") * (int(sys.argv[1]) << 20)


def wait():
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=wait).start()
while True:
    sum(range(1000))
"""


def started(count, mebibytes):
    command = [sys.executable, "-c", WORKER, str(mebibytes)]
    return [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(count)]


def end(workers):
    for worker in workers:
        worker.stdin.close()
    for worker in workers:
        worker.wait()


if __name__ == "__main__":
    own = started(int(sys.argv[1]), int(sys.argv[2]))
    sys.stdin.buffer.read()
    end(own)
    sys.exit(5)
