# SPDX-License-Identifier: Apache-2.0
"""Holds `lorikeet debug tokenize` against tokenizers, transformers and sentencepiece: the ids of every line of a file, with and
without special tokens, and the texts of those ids and of random ones, whole and put together id by id.

    python compare_tokenizers.py --lorikeet PROGRAM --texts FILE [--speed FILE] [--table OUT] [--examples N] DIRECTORY ...

A directory holds tokenizer.json or tokenizer.model, or model.gguf with reference.json, the same tokenizer for `tokenizers`;
real_tokenizers.py makes such directories, tokenizer_texts.py the file.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import sentencepiece
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast


def read_lines(path):
    with open(path, encoding="utf-8", newline="\n") as f:
        return f.read().split("\n")[:-1]


class Fast:
    def __init__(self, path):
        self.tokenizer = Tokenizer.from_file(path)
        self.size = max(self.tokenizer.get_vocab(with_added_tokens=True).values()) + 1
        self.known = sorted(self.tokenizer.get_vocab(with_added_tokens=True).values())
        directory = os.path.dirname(path)
        self.cleaning = None
        configuration = os.path.join(directory, "tokenizer_config.json")
        if os.path.exists(configuration):
            with open(configuration, encoding="utf-8") as f:
                if json.load(f).get("clean_up_tokenization_spaces"):
                    self.cleaning = PreTrainedTokenizerFast.from_pretrained(directory)

    def encode(self, lines, special):
        return [e.ids for e in self.tokenizer.encode_batch_fast(lines, add_special_tokens=special)]

    def decode(self, ids, skip):
        if self.cleaning is not None:
            return self.cleaning.decode(ids, skip_special_tokens=skip)
        return self.tokenizer.decode(ids, skip_special_tokens=skip)


class Pieces:
    def __init__(self, path):
        self.tokenizer = sentencepiece.SentencePieceProcessor(model_file=path)
        self.size = self.tokenizer.get_piece_size()
        # What a model's directory makes special tokens of: they are found in texts and left out of decoded ones.
        special = [i for i in range(self.size) if self.tokenizer.is_control(i) or self.tokenizer.is_unknown(i)]
        self.control = [self.tokenizer.id_to_piece(i) for i in special]
        self.known = sorted(set(range(self.size)) - {self.tokenizer.unk_id()})

    def encode(self, lines, special):
        return self.tokenizer.encode(lines, num_threads=1)

    def decode(self, ids, skip):
        return self.tokenizer.decode(ids)

    def is_plain(self, line):
        """Whether no control piece stands in a line: in a model's directory it is one token, to the library alone it is text."""
        return not any(piece in line for piece in self.control)


def reference(directory):
    for name in ("tokenizer.json", "reference.json"):
        if os.path.exists(os.path.join(directory, name)):
            return Fast(os.path.join(directory, name))
    return Pieces(os.path.join(directory, "tokenizer.model"))


def run(program, directory, path, *flags):
    start = time.monotonic()
    result = subprocess.run([program, "debug", "tokenize", "--model", directory, "--file", path, *flags], capture_output=True)
    if result.returncode:
        sys.exit(f"{directory}: {result.stderr.decode()}")
    return result.stdout, time.monotonic() - start


def rows(output):
    return [json.loads(line) for line in output.decode("utf-8").split("\n")[:-1]]


def differences(kind, directory, items, expected, found, examples):
    wrong = [(item, e, f) for item, e, f in zip(items, expected, found) if e != f]
    if len(expected) != len(found):
        print(f"{directory}: {kind}: {len(found)} lines in place of {len(expected)}")
    for item, e, f in wrong[:examples]:
        print(f"{directory}: {kind}: {item!r}\n    expected {e!r}\n    found    {f!r}")
    return len(wrong)


def compare(directory, lines, path, arguments, folder):
    oracle = reference(directory)
    name = os.path.basename(directory.rstrip("/"))
    if isinstance(oracle, Pieces):
        lines = [line for line in lines if oracle.is_plain(line)]
        path = os.path.join(folder, "plain")
        with open(path, "w", encoding="utf-8", newline="\n") as f:
            f.writelines(line + "\n" for line in lines)
    expected = oracle.encode(lines, False)
    found = [row["ids"] for row in rows(run(arguments.lorikeet, directory, path, "--json")[0])]
    encoded = differences("ids", name, lines, expected, found, arguments.examples)
    if isinstance(oracle, Fast) and not os.path.exists(os.path.join(directory, "reference.json")):
        more = [row["ids"] for row in rows(run(arguments.lorikeet, directory, path, "--json", "--add-special-tokens")[0])]
        encoded += differences("ids with special tokens", name, lines, oracle.encode(lines, True), more, arguments.examples)
    pick = random.Random(2)
    ids = expected + [[pick.choice(oracle.known) for _ in range(pick.randrange(1, 20))] for _ in range(4000)]
    ids += [[i] for i in pick.sample(list(oracle.known), min(2000, len(oracle.known)))]
    ids_path = os.path.join(folder, "ids")
    with open(ids_path, "w") as f:
        f.writelines(" ".join(map(str, row)) + "\n" for row in ids)
    texts = rows(run(arguments.lorikeet, directory, ids_path, "--ids", "--json")[0])
    decoded = differences("skipped", name, ids, [oracle.decode(row, True) for row in ids], [row["skipped"] for row in texts], arguments.examples)
    if isinstance(oracle, Fast):
        decoded += differences("decoded", name, ids, [oracle.decode(row, False) for row in ids], [row["decoded"] for row in texts], arguments.examples)
    streamed = differences("streamed", name, ids, [row["decoded"] for row in texts], [row["streamed"] for row in texts], arguments.examples)
    row = [name, str(oracle.size), str(len(lines)), str(encoded), str(len(ids)), str(decoded), str(streamed)]
    if arguments.speed:
        row += speed(directory, oracle, arguments, folder)
    print("| " + " | ".join(row) + " |", flush=True)
    return row


def speed(directory, oracle, arguments, folder):
    """Megabytes a second on one thread: Lorikeet without starting and reading the vocabulary, tokenizers without either."""
    lines = read_lines(arguments.speed)
    size = os.path.getsize(arguments.speed) / 1e6
    empty = os.path.join(folder, "empty")
    open(empty, "w").close()
    times, loads, theirs = [], [], []
    for _ in range(3):
        times.append(run(arguments.lorikeet, directory, arguments.speed)[1])
        loads.append(run(arguments.lorikeet, directory, empty)[1])
        fresh = reference(directory)
        start = time.monotonic()
        fresh.encode(lines, False)
        theirs.append(time.monotonic() - start)
    own, load, other = min(times) - min(loads), min(loads), min(theirs)
    return [f"{load * 1000:.0f}", f"{size / own:.2f}", f"{size / other:.2f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lorikeet", required=True)
    parser.add_argument("--texts", required=True)
    parser.add_argument("--speed")
    parser.add_argument("--table")
    parser.add_argument("--examples", type=int, default=3)
    parser.add_argument("directories", nargs="+")
    arguments = parser.parse_args()
    lines = read_lines(arguments.texts)
    heads = ["tokenizer", "tokens", "lines", "lines with other ids", "id sequences", "other texts", "streamed otherwise"]
    if arguments.speed:
        heads += ["ms to start", "MB/s", "MB/s of tokenizers"]
    table = [heads, ["---"] + ["---:"] * (len(heads) - 1)]
    with tempfile.TemporaryDirectory() as folder:
        table += [compare(directory, lines, arguments.texts, arguments, folder) for directory in arguments.directories]
    if arguments.table:
        with open(arguments.table, "w", encoding="utf-8") as f:
            f.writelines("| " + " | ".join(row) + " |\n" for row in table)
    sys.exit(any(row[3] != "0" or row[5] != "0" or row[6] != "0" for row in table[2:]))


if __name__ == "__main__":
    main()
