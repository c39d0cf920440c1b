#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of docs/performance.md that need no peer: the profile of a training step, its cost
against size, products, decoding by type, larger decoders.

    Benchmarks/tables.py profile sweeps gemm decode larger --update docs/performance.md

LORIKEET_BENCH_MODEL is the assembled model that profile and decode run; else weights are random.
"""

import argparse
import os

import document
from document import gibibytes, lines_of_json, seconds, table

MODEL = os.environ.get("LORIKEET_BENCH_MODEL")


# Seconds to wait, before each run, for other programs to be quiet.
patience = 60.0


def bench(*arguments):
    """The machine's line, and the measurements."""
    document.wait_for_quiet(patience)
    lines = lines_of_json([document.lorikeet(), "bench", *arguments, "--json", "--quiet"])
    return lines[0], lines[1:]


def model():
    return ["--model", MODEL] if MODEL else []


def profile():
    machine, lines = bench("train", *model(), "--profile", "--repetitions", "3", "--warm-up", "2")
    step = lines[0]
    rows = []
    for line in lines[1:]:
        if line["share"] < 0.002:
            continue

        def rate(direction):
            gflop, passed = line[f"{direction}_gflop"], line[f"{direction}_seconds"]
            return f"{gflop / passed:.0f}" if gflop > 0 and passed > 0 else ""

        rows.append([
            f"{line['section']}: {line['operator']}", f"{100 * line['share']:.1f} %",
            f"{line['forward_calls']:.0f}", seconds(line["forward_seconds"]), rate("forward"),
            seconds(line["backward_seconds"]) if line["backward_calls"] else "", rate("backward"),
        ])
    heads = ["operator", "share", "calls", "forward", "GFLOP/s", "backward", "GFLOP/s"]
    about = (
        f"{document.heading(machine)} A step of {seconds(step['seconds'])} "
        f"({seconds(step['seconds_min'])} to {seconds(step['seconds_max'])}), "
        f"{step['gflop']:.0f} GFLOP, {step['gflops']:.0f} GFLOP/s, "
        f"{100 * step['fma_share']:.0f} % of the FMA peak, peak {gibibytes(step['peak_bytes'])}; "
        f"other programs kept {step['other_processors'] or 0:.2f} processors busy.")
    return f"{about}\n\n{table(heads, rows)}"


def sweeps():
    parts = []
    for kind in ["tokens", "batch", "rank", "layers"]:
        more = ["--batch", "1"] if kind in ("tokens", "layers") else []
        machine, lines = bench(
            "train", "--sweep", kind, "--cached-features", *more, "--repetitions", "2", "--warm-up",
            "1")
        rows = []
        for line in lines:
            rows.append([
                line["size"], seconds(line["seconds"]), seconds(line["seconds"] / line["size"]),
                f"{line['gflop']:.1f}", f"{line['gflops']:.0f}", gibibytes(line["peak_bytes"]),
                f"{line['other_processors'] or 0:.2f}",
            ])
        if not parts:
            parts.append(document.heading(machine))
        heads = [kind, "step", "each", "GFLOP", "GFLOP/s", "peak", "other"]
        parts.append(table(heads, rows))
    return "\n\n".join(parts)


def gemm():
    machine, lines = bench("gemm", "--repetitions", "5", "--warm-up", "1")
    rows = []
    for line in lines:
        roof = (
            f"{100 * line['memory_share']:.0f} % of read" if "memory_share" in line
            else f"{100 * line['fma_share']:.0f} % of FMA")
        rows.append([
            line["name"], seconds(line["seconds"]), f"{line['gflops']:.0f}", roof,
            f"{line['openblas_gflops']:.0f}",
            f"{line['ratio']:.2f} ({line['ratio_min']:.2f} to {line['ratio_max']:.2f})",
            f"{line['other_processors'] or 0:.2f}",
        ])
    heads = ["product", "time", "GFLOP/s", "share", "OpenBLAS GFLOP/s", "ratio", "other"]
    return f"{document.heading(machine)}\n\n{table(heads, rows)}"


def decode():
    rows = []
    for kind in ["float32", "bfloat16", "float16", "q8_0", "q4_0", "q4_1", "nf4"]:
        machine, lines = bench(
            "decode", *model(), "--base-dtype", kind, "--repetitions", "3", "--warm-up", "1")
        prefill, token = lines
        rows.append([
            kind, seconds(prefill["seconds"]), f"{prefill['tokens_per_second']:.0f}",
            seconds(token["seconds"]), f"{token['tokens_per_second']:.1f}",
            f"{token['gb_per_second']:.1f}", f"{100 * token['memory_share']:.0f} %",
            gibibytes(token["peak_bytes"]), f"{token['other_processors'] or 0:.2f}",
        ])
    heads = [
        "type", "prefill of 288", "tokens/s", "token", "tokens/s", "GB/s", "of read", "peak", "other"]
    return f"{document.heading(machine)}\n\n{table(heads, rows)}"


def larger():
    quick = ["--repetitions", "2", "--warm-up", "1"]
    step = ["train", "--visual-tokens", "576", "--batch", "1", *quick]
    small, medium = ["--decoder-shape", "qwen2-0.5b"], ["--decoder-shape", "qwen2-1.5b"]
    works = [
        ("0.5 B float32, step", [*step, *small]),
        ("0.5 B float32, step, FoPru 25 %", [*step, *small, "--prune", "fopru-rank:0.25"]),
        ("0.5 B float32, prefill of 608", ["decode", *small, "--prompt-tokens", "608", "--tokens", "4",
                                           *quick]),
        ("0.5 B float32, prefill of 176", ["decode", *small, "--prompt-tokens", "176", "--tokens", "4",
                                           *quick]),
        ("1.5 B bfloat16, step", [*step, *medium, "--base-dtype", "bfloat16"]),
        ("1.5 B nf4, step", [*step, *medium, "--base-dtype", "nf4"]),
    ]
    rows = []
    for name, arguments in works:
        machine, lines = bench(*arguments)
        line = lines[0]
        rows.append([
            name, seconds(line["seconds"]), f"{line['tokens_per_second']:.0f}", f"{line['gflops']:.0f}",
            gibibytes(line["peak_bytes"]), f"{line['other_processors'] or 0:.2f}",
        ])
    heads = ["work", "time", "tokens/s", "GFLOP/s", "peak", "other"]
    return f"{document.heading(machine)}\n\n{table(heads, rows)}"


TABLES = {"profile": profile, "sweeps": sweeps, "gemm": gemm, "decode": decode, "larger": larger}


def main():
    parser = argparse.ArgumentParser(description="Writes tables of measurements.")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"{', '.join(TABLES)} (default: all)")
    parser.add_argument("--update", help="a document with places for the tables")
    parser.add_argument("--patience", type=float, default=patience,
                        help="seconds to wait, before each run, for other programs to be quiet")
    options = parser.parse_args()
    globals()["patience"] = options.patience
    for name in options.tables:
        if name not in TABLES:
            parser.error(f"{name} is none of {', '.join(TABLES)}")
    for name in options.tables or TABLES:
        text = TABLES[name]()
        print(text + "\n", flush=True)
        if options.update:
            document.replace(options.update, name, text)


if __name__ == "__main__":
    main()
