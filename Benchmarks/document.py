# SPDX-License-Identifier: Apache-2.0
"""Tables in Markdown, and their places in a document between `<!-- NAME -->` and `<!-- /NAME -->`."""

import datetime
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def lorikeet():
    """The command under test."""
    path = Path(os.environ.get("LORIKEET") or ROOT / ".build/release/lorikeet")
    if not path.exists():
        raise SystemExit(f"error: {path}: there is no such file; run make build first")
    return str(path)


def lines_of_json(command, **more):
    """Runs a command and reads the objects that it prints, one a line."""
    run = subprocess.run(command, capture_output=True, text=True, **more)
    if run.returncode != 0:
        last = (run.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"{Path(command[0]).name} ended with {run.returncode}: {last}")
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


def table(heads, rows):
    """A table whose columns but the first are numbers."""
    rule = ["---"] + ["---:"] * (len(heads) - 1)
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [heads, rule, *rows])


def seconds(value):
    if value < 1e-3:
        return f"{value * 1e6:.0f} µs"
    return f"{value * 1e3:.2f} ms" if value < 0.1 else f"{value * 1e3:.0f} ms" if value < 1 else f"{value:.2f} s"


def gibibytes(value):
    return "" if value is None else f"{value / 2**30:.2f} GiB"


def wait_for_quiet(patience):
    """Waits until other programs keep a tenth of a processor busy at most, or patience ends."""
    sys.path.insert(0, str(ROOT / "Benchmarks/peers"))
    from common import busy_seconds

    end = time.monotonic() + patience
    while time.monotonic() < end:
        before, start = busy_seconds(), time.monotonic()
        time.sleep(1)
        if (busy_seconds() - before) / (time.monotonic() - start) < 0.1:
            return


def heading(machine, more=""):
    """When and where: the first line above a table."""
    revision = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    return (
        f"{datetime.date.today()}, revision {revision}; {machine['processor']}, "
        f"{machine['threads']} threads, {machine['instruction_set']}, "
        f"FMA {machine['fma_gflops']:.0f} GFLOP/s, memory read "
        f"{machine['read_gb_per_second']:.1f} GB/s; {platform.system()} {platform.release()}"
        f"{more}.")


def replace(document, name, text):
    """Puts text in its place in a document."""
    path = Path(document)
    content = path.read_text()
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if content.count(start) != 1 or content.count(end) != 1:
        raise SystemExit(f"error: {document}: expected one {start} and one {end}")
    before, rest = content.split(start)
    _, after = rest.split(end)
    path.write_text(f"{before}{start}\n{text}\n{end}{after}")
