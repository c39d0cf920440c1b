#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs Lorikeet and its peers on the same work by turns and prints how many times as fast it is.

    Benchmarks/compare.py                       all works (an hour or so)
    Benchmarks/compare.py --works train,decode  those whose names begin so; --list names them
    Benchmarks/compare.py --update docs/performance.md

The environment: LORIKEET_BENCH_VENV, a virtual environment with the peers in it (else one is made
under .build/benchmarks); LORIKEET_BENCH_MODEL, an assembled model (else one is pulled and assembled);
LORIKEET_BENCH_PICTURES, pictures; LORIKEET, the command; LORIKEET_THREADS, threads of both sides.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import document
from document import ROOT, gibibytes, lines_of_json, seconds, table

HERE = Path(__file__).resolve().parent
WORK = ROOT / ".build/benchmarks"
# The model as it is most often published.
HALVED = str(WORK / "vlm-bfloat16")


@dataclass
class Side:
    """What runs: a script of peers/ or `lorikeet bench`, and the measurement that counts."""

    command: list
    name: str | tuple
    # Whether the time of the whole process counts instead.
    whole: bool = False


@dataclass
class Work:
    name: str
    title: str
    peer: str
    theirs: Side
    ours: Side
    needs: list = field(default_factory=list)


def works(model, pictures, picture):
    """Every comparison. Placeholders of peers' scripts are resolved by `Runner`."""

    def train(*more, name="step"):
        return Side(["train", "--model", model, "--repetitions", "2", "--warm-up", "1", *more], name)

    def peer(*more):
        return Side(["train.py", "--model", model, "--repetitions", "2", *more], "step")

    cached = ("--cached-features",)
    one = ("--batch", "1")
    result = [
        Work("train-full", "step, batch 8, all logits", "PyTorch + PEFT", peer(), train()),
        Work("train-text", "step, batch 8, logits of text", "PyTorch + PEFT",
             peer("--text-logits"), train()),
        Work("train-cached", "step, batch 8, cached features", "PyTorch + PEFT",
             peer("--text-logits", *cached), train(*cached)),
        Work("train-one", "step, batch 1", "PyTorch + PEFT", peer(*one), train(*one)),
        Work("train-encoder-lora", "step, batch 8, LoRA in the encoder", "PyTorch + PEFT",
             peer("--encoder-lora"), train("--encoder-lora")),
        Work("train-checkpointing", "step, batch 8, gradient checkpointing", "PyTorch + PEFT",
             peer("--checkpointing"), train("--set", "gradient_checkpointing=true")),
        Work("train-fopru", "step, batch 8, a quarter of the visual tokens", "Lorikeet, all tokens",
             Side(["lorikeet", "bench", "train", "--json", "--quiet", "--model", model,
                   "--repetitions", "2", "--warm-up", "1"], "step"),
             train("--prune", "fopru-rank:0.25")),
        Work("prefill", "prefill of 288 tokens", "transformers, float32",
             Side(["decode.py", "--model", model], "prefill"),
             Side(["decode", "--model", model, "--tokens", "8"], "prefill")),
        Work("decode", "a token after 288", "transformers, float32",
             Side(["decode.py", "--model", model], "token"),
             Side(["decode", "--model", model], "token")),
    ]
    types = {"F32": "float32", "F16": "float16", "Q8_0": "q8_0", "Q4_0": "q4_0", "Q4_1": "q4_1"}
    for kind, dtype in types.items():
        own = ["decode", "--model", model, "--base-dtype", dtype]
        llama = ["llama.py", "--model", model, "--type", kind, "--work", str(WORK)]
        result += [
            Work(f"llama-prefill-{kind}", f"prefill of 288 tokens, {kind}", "llama.cpp",
                 Side(llama, "prefill"), Side(own, "prefill"), ["llama_cpp"]),
            Work(f"llama-decode-{kind}", f"a token after 288, {kind}", "llama.cpp",
                 Side(llama, "token"), Side(own, "token"), ["llama_cpp"]),
        ]

    def cold(model):
        return (
            Side(["caption.py", "--model", model, "--once", picture], "process", whole=True),
            Side(["caption", "--model", model, "--repetitions", "1", "--warm-up", "0", picture],
                 "cold"))

    encode = ["encode.py", "--model", model, pictures, "--part"]
    own = ["encode", "--model", model, pictures]
    return result + [
        Work("caption-cold", "16 tokens, process start included", "transformers", *cold(model)),
        Work("caption-cold-bfloat16", "the same from files of bfloat16", "transformers, float32",
             *cold(HALVED)),
        Work("caption-warm", "16 tokens, model open", "transformers",
             Side(["caption.py", "--model", model, picture], "warm"),
             Side(["caption", "--model", model, "--repetitions", "3", "--warm-up", "1", picture],
                  "warm")),
        Work("encode-torch", "DINOv2-S forward, one picture", "PyTorch",
             Side([*encode, "torch"], "encoder, batch 1"), Side(own, "encoder, batch 1")),
        Work("encode-torch-8", "DINOv2-S forward, 8 pictures", "PyTorch",
             Side([*encode, "torch"], "encoder, batch 8"), Side(own, "encoder, batch 8")),
        Work("encode-onnx", "DINOv2-S forward, one picture", "ONNX Runtime",
             Side([*encode, "onnx"], "encoder, batch 1"), Side(own, "encoder, batch 1")),
        Work("preprocess-pillow", "decode + preprocess, median picture", "Pillow + numpy",
             Side([*encode, "preprocess"], "decode and preprocess, Pillow and numpy"),
             Side(own, ("decode", "preprocess"))),
        Work("preprocess-hf", "decode + preprocess, median picture", "transformers",
             Side([*encode, "preprocess"], "decode and preprocess, transformers"),
             Side(own, ("decode", "preprocess"))),
        Work("large-prefill", "0.5 B shape, prefill of 608 tokens", "transformers, float32",
             Side(["decode.py", "--prompt-tokens", "608", "--tokens", "4"], "prefill"),
             Side(["decode", "--decoder-shape", "qwen2-0.5b", "--prompt-tokens", "608", "--tokens",
                   "4", "--repetitions", "3"], "prefill")),
    ]


class Runner:
    def __init__(self, python):
        self.python = python
        self.command = document.lorikeet()
        self.machine = None

    def theirs(self, side):
        if side.command[0] == "lorikeet":
            return self.pick(lines_of_json([self.command, *side.command[1:]]), side)
        command = [self.python, str(HERE / "peers" / side.command[0]), *side.command[1:]]
        if side.whole:
            start = time.perf_counter()
            run = subprocess.run(command, capture_output=True, text=True)
            passed = time.perf_counter() - start
            if run.returncode != 0:
                last = (run.stderr.strip().splitlines() or ["no message"])[-1]
                raise RuntimeError(f"{side.command[0]} ended with {run.returncode}: {last}")
            return passed, None, 0.0
        return self.pick(lines_of_json(command), side)

    def ours(self, side):
        command = [self.command, "bench", side.command[0], "--json", "--quiet", *side.command[1:]]
        return self.pick(lines_of_json(command), side)

    def pick(self, lines, side):
        """Seconds, peak memory, and processors that others kept busy, of the measurement that counts;
        of several names the sum."""
        self.machine = next((x for x in lines if x.get("work") == "machine"), self.machine)
        names = side.name if isinstance(side.name, tuple) else (side.name,)
        found = [next(x for x in lines if x.get("name") == name) for name in names]
        return (
            sum(x["seconds"] for x in found),
            max((x.get("peak_bytes") or 0 for x in found), default=0) or None,
            max(x.get("other_processors") or 0 for x in found))


def environment():
    """The Python of a virtual environment that has the peers."""
    given = os.environ.get("LORIKEET_BENCH_VENV")
    if given:
        return str(Path(given) / "bin/python")
    venv = WORK / "venv"
    python = venv / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "-r"]
    subprocess.run([*install, str(HERE / "requirements.txt")], check=True)
    return str(python)


def has(python, module):
    found = subprocess.run([python, "-c", f"import {module}"], capture_output=True)
    return found.returncode == 0


def versions(python):
    names = ["torch", "transformers", "peft", "onnxruntime", "pillow", "numpy", "llama-cpp-python"]
    code = (
        "import importlib.metadata as m, json\n"
        f"found = {{}}\nfor name in {names!r}:\n"
        "    try: found[name] = m.version(name)\n"
        "    except m.PackageNotFoundError: pass\n"
        "print(json.dumps(found))")
    out = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout
    return ", ".join(f"{name} {version}" for name, version in json.loads(out).items())


def assembled():
    """The model that both sides open: DINOv2-S and SmolLM2-135M, really trained, with a new
    projector."""
    given = os.environ.get("LORIKEET_BENCH_MODEL")
    if given:
        return given
    path = WORK / "vlm"
    if not path.exists():
        command = document.lorikeet()
        subprocess.run([command, "pull", "dinov2-small", "smollm2-135m-instruct"], check=True)
        subprocess.run(
            [command, "assemble", "--encoder", "dinov2-small", "--decoder",
             "smollm2-135m-instruct", "--projector", "mlp", "--output", str(path)], check=True)
    return str(path)


def halve(model):
    """Writes the model's copy in bfloat16."""
    shutil.rmtree(HALVED, ignore_errors=True)
    subprocess.run([document.lorikeet(), "convert", "--model", model, "--dtype", "bfloat16",
                    "--output", HALVED], check=True)


def stamps():
    """Pictures of a real collection."""
    given = os.environ.get("LORIKEET_BENCH_PICTURES")
    if given:
        return given
    subprocess.run([document.lorikeet(), "pull", "tuxpaint-stamps"], check=True)
    home = os.environ.get("LORIKEET_HOME") or Path.home() / ".cache/lorikeet"
    return str(Path(home) / "datasets/tuxpaint-stamps")


def compare(work, runner, rounds, patience):
    """Both sides by turns, each of them when the machine is quiet."""
    theirs, ours, ratios, others = [], [], [], []
    peaks = [None, None]
    for _ in range(rounds):
        document.wait_for_quiet(patience)
        a, peaks[0], busy_a = runner.theirs(work.theirs)
        document.wait_for_quiet(patience)
        b, peaks[1], busy_b = runner.ours(work.ours)
        theirs.append(a)
        ours.append(b)
        ratios.append(a / b)
        others += [busy_a, busy_b]
    line = {
        "work": work.name, "title": work.title, "peer": work.peer, "rounds": rounds,
        "peer_seconds": statistics.median(theirs), "seconds": statistics.median(ours),
        "ratio": statistics.median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios),
        "peer_peak_bytes": peaks[0], "peak_bytes": peaks[1], "other_processors": max(others),
    }
    return line


def row(line):
    return [
        line["title"], line["peer"], seconds(line["peer_seconds"]), seconds(line["seconds"]),
        f"**{line['ratio']:.2f}** ({line['ratio_min']:.2f} to {line['ratio_max']:.2f})",
        gibibytes(line["peer_peak_bytes"]), gibibytes(line["peak_bytes"]),
        f"{line['other_processors']:.2f}",
    ]


HEADS = ["work", "peer", "peer's", "Lorikeet", "ratio", "peer's peak", "peak", "other"]


def main():
    parser = argparse.ArgumentParser(description="Compares Lorikeet with its peers.")
    parser.add_argument("--works", default=os.environ.get("WORKS", ""),
                        help="names, or beginnings of names, with commas between them")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--patience", type=float, default=60,
                        help="seconds to wait, before each run, for other programs to be quiet")
    parser.add_argument("--update", help="a document with a place for the table")
    parser.add_argument("--results", default=str(WORK / "compare.jsonl"),
                        help="where results are kept, one object a line")
    parser.add_argument("--list", action="store_true", help="print the names of the works")
    options = parser.parse_args()
    chosen = [x for x in options.works.split(",") if x]

    def is_chosen(work):
        return not chosen or any(work.name.startswith(x) for x in chosen)

    if options.list:
        for work in works("", "", ""):
            print(f"{work.name:24} {work.title}: {work.peer}")
        return
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    WORK.mkdir(parents=True, exist_ok=True)
    python, model, pictures = environment(), assembled(), stamps()
    root = Path(pictures)
    picture = pictures if root.is_file() else str(sorted(root.rglob("*.png"))[0])
    runner = Runner(python)
    todo = [work for work in works(model, pictures, picture) if is_chosen(work)]
    if not todo:
        parser.error(f"no work begins with {options.works}; --list names them")
    if any(HALVED in work.ours.command for work in todo):
        halve(model)
    kept = {}
    if Path(options.results).exists():
        for text in Path(options.results).read_text().splitlines():
            kept[json.loads(text)["work"]] = json.loads(text)
    for work in todo:
        missing = [module for module in work.needs if not has(python, module)]
        if missing:
            print(f"{work.name}: left out, {', '.join(missing)} is not installed "
                  "(Benchmarks/requirements-llama.txt)", file=sys.stderr)
            continue
        try:
            line = compare(work, runner, options.rounds, options.patience)
        except (RuntimeError, StopIteration) as error:
            print(f"{work.name}: left out, {str(error)[:200]}", file=sys.stderr)
            continue
        kept[work.name] = line
        print(" | ".join(map(str, row(line))), flush=True)
        Path(options.results).write_text("".join(json.dumps(x) + "\n" for x in kept.values()))
    order = [work.name for work in works(model, pictures, picture)]
    lines = [kept[name] for name in order if name in kept]
    text = table(HEADS, [row(line) for line in lines])
    print("\n" + text)
    if options.update and runner.machine:
        about = document.heading(runner.machine, f"; Python {sys.version.split()[0]}, {versions(python)}")
        document.replace(options.update, "ratios", f"{about}\n\n{text}")


if __name__ == "__main__":
    main()
