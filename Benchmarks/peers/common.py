# SPDX-License-Identifier: Apache-2.0
"""What the peers' scripts share: timing, memory, and one line of JSON for each measurement."""

import json
import os
import statistics
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

THREADS = int(os.environ.get("LORIKEET_THREADS") or len(os.sched_getaffinity(0)))


def torch_with_threads():
    """PyTorch on as many threads as Lorikeet uses."""
    import torch

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    return torch


def reset_peak():
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def peak_bytes():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def busy_seconds():
    fields = [int(x) for x in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def measure(body, repetitions, warm_up=1):
    """Seconds of each repetition, and the processors that other programs kept busy meanwhile."""
    for _ in range(warm_up):
        body()
    reset_peak()
    busy, own, start = busy_seconds(), time.process_time(), time.perf_counter()
    seconds = []
    for _ in range(repetitions):
        before = time.perf_counter()
        body()
        seconds.append(time.perf_counter() - before)
    passed = time.perf_counter() - start
    others = (busy_seconds() - busy) - (time.process_time() - own)
    return seconds, max(0.0, others / passed) if passed > 0.2 else None


def report(work, name, seconds, others=None, **more):
    """Prints a measurement under the keys that `lorikeet bench --json` has."""
    line = {
        "work": work,
        "name": name,
        "repetitions": len(seconds),
        "seconds": statistics.median(seconds),
        "seconds_min": min(seconds),
        "seconds_max": max(seconds),
        "other_processors": others,
        **more,
        "peak_bytes": peak_bytes(),
    }
    print(json.dumps(line), flush=True)
