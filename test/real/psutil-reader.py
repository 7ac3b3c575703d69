"""psutil as a second reader of the machine and of a process: one line of JSON for each line on standard input."""
import json
import sys

import psutil

pid = int(sys.argv[1])


def reading():
    process = psutil.Process(pid)
    children = process.children(recursive=True)
    cpu = psutil.cpu_times()
    memory = psutil.virtual_memory()
    swap = psutil.swap_memory()
    with process.oneshot():
        times = process.cpu_times()
        return {
            "cpu": cpu._asdict(),
            "cpuCount": psutil.cpu_count(),
            "memory": memory._asdict(),
            "swap": swap._asdict(),
            "disks": {name: disk._asdict() for name, disk in psutil.disk_io_counters(perdisk=True).items()},
            "networks": {name: nic._asdict() for name, nic in psutil.net_io_counters(pernic=True).items()},
            "root": psutil.disk_usage("/")._asdict(),
            "bootTime": psutil.boot_time(),
            "process": {
                "user": times.user,
                "system": times.system,
                "rss": process.memory_info().rss,
                "vms": process.memory_info().vms,
                "threads": process.num_threads(),
                "files": process.num_fds(),
                "voluntary": process.num_ctx_switches().voluntary,
                "involuntary": process.num_ctx_switches().involuntary,
                "children": [
                    {"pid": child.pid, "rss": child.memory_info().rss, "threads": child.num_threads()}
                    for child in children
                ],
            },
        }


for _ in sys.stdin:
    print(json.dumps(reading()), flush=True)
