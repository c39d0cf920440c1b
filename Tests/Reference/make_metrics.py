# SPDX-License-Identifier: Apache-2.0
"""Writes Tests/Fixtures/metrics: expected values of the metrics and of TensorBoard's event files.

Requirements: requirements-metrics.txt, and a Java runtime for the Stanford tokeniser that pycocoevalcap
carries.

    python Tests/Reference/make_metrics.py Tests/Fixtures/metrics

BLEU, ROUGE-L and CIDEr-D come from pycocoevalcap (the code of coco-caption, whose "CIDEr" is CIDEr-D),
the tokens from its PTBTokenizer. Plain CIDEr, the classification scores, AUROC, the calibration error
and the bootstrap are computed here, from their formulas, with numpy.
"""

import contextlib
import io
import json
import math
import random
import sys
import zlib
from pathlib import Path

import numpy as np
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

TOKENIZER_CASES = [
    "A man riding a wave, on top of a surfboard.",
    "It's a dog's T-shirt; don't you see?",
    '"Hello," he said -- \'quoted text\' and so on...',
    "The U.S. flag (red, white & blue) costs $3.50, or 3,000 yen!",
    "Mr. Smith can't gonna wanna cannot do it.",
    "half-eaten well-known semi-sweet 50% off",
    "a/b and/or 10:30 a.m.",
    "the dogs' bowl and rock 'n' roll",
    "visit www.example.com or mail me@x.org",
    "[brackets] {curly} (round)",
    "A café, naïve “smart quotes” and ‘single’ it’s – dash — em…",
    "etc. and so on, No. 5 vs. St. John",
    "I'll we've they're I'm he'd the '90s 90's couldn't've",
    "foo,bar a,b wait.what",
    "???  !!! ?! ...",
    "A 1921 silver dollar. Coin.",
    "e.g. this i.e. that",
    "2x4 3D x+y=z *star*",
    "日本語 テスト",
    "twenty-one, o'clock; ma'am y'all",
    "rock-n-roll; black-and-white.",
    "a <b>bold</b> word @home #1",
    "TRAILING SPACES   and\ttabs  ",
    "An apple  cut in half -- half of it, at least!",
    "A “Fuji” apple. Squeak!",
    "A calculator.  6x7=42",
    "The letter A.",
    "A penny ($.01), a coin of 2 € and 5£.",
]

PREDICTIONS = [
    ("A brown dog runs on the grass.", ["A brown dog runs on the grass."]),
    ("A dog.", ["A brown dog is running over green grass.", "The dog runs outside."]),
    ("", ["An empty prediction has no words."]),
    ("the the the the the the the", ["The cat is on the mat.", "There is a cat on the mat."]),
    ("Zebra xylophone.", ["A red apple on a plate."]),
    ("It's a man's hat, isn't it?", ["It's a man's hat.", "A hat of a man.", "Isn't it a hat?"]),
]

SUBJECTS = ["a dog", "a cat", "two birds", "a man", "the red train", "an apple", "a woman's hat"]
VERBS = ["sits on", "is next to", "runs over", "flies above", "doesn't look at", "stands in"]
PLACES = ["the green grass", "a wooden table", "the street", "a blue sky", "the old bridge", "water"]
ENDINGS = ["", " at night", ", and it is raining", " (close-up)", " with a well-known face", "!"]


def caption(rng):
    return f"{rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(PLACES)}{rng.choice(ENDINGS)}"


def samples(seed=7, count=40):
    rng = random.Random(seed)
    result = list(PREDICTIONS)
    for _ in range(count):
        references = [caption(rng) for _ in range(rng.randint(1, 5))]
        # Half of the predictions are a reference with words changed, so that scores are spread.
        if rng.random() < 0.5:
            words = rng.choice(references).split(" ")
            for _ in range(rng.randint(0, 2)):
                words[rng.randrange(len(words))] = rng.choice(["a", "the", "dog", "table"])
            prediction = " ".join(words)
        else:
            prediction = caption(rng)
        result.append((prediction.capitalize() + ".", references))
    return result


def tokenize(captions):
    keyed = {i: [{"caption": c}] for i, c in enumerate(captions)}
    tokens = PTBTokenizer().tokenize(keyed)
    return [tokens[i][0].split() for i in range(len(captions))]


def ngrams(words, n):
    counts = {}
    for i in range(len(words) - n + 1):
        key = tuple(words[i : i + n])
        counts[key] = counts.get(key, 0) + 1
    return counts


def plain_cider(pairs):
    """Equations 1 to 3 of the paper, with dense vectors over all n-grams."""
    scores = np.zeros(len(pairs))
    for n in range(1, 5):
        keys = {}
        for prediction, references in pairs:
            for words in [prediction, *references]:
                for key in ngrams(words, n):
                    keys.setdefault(key, len(keys))
        documents = np.zeros(len(keys))
        for _, references in pairs:
            for key in set().union(*[ngrams(r, n) for r in references]):
                documents[keys[key]] += 1
        idf = math.log(len(pairs)) - np.log(np.maximum(documents, 1))

        def vector(words):
            v = np.zeros(len(keys))
            for key, count in ngrams(words, n).items():
                v[keys[key]] = count
            return v * idf

        for i, (prediction, references) in enumerate(pairs):
            a = vector(prediction)
            total = 0.0
            for reference in references:
                b = vector(reference)
                norm = np.linalg.norm(a) * np.linalg.norm(b)
                total += float(a @ b) / norm if norm > 0 else 0.0
            scores[i] += 10 / 4 * total / len(references)
    return scores


def captions_fixture():
    data = samples()
    predictions = tokenize([p for p, _ in data])
    references = [tokenize(r) for _, r in data]
    res = {i: [" ".join(p)] for i, p in enumerate(predictions)}
    gts = {i: [" ".join(w) for w in r] for i, r in enumerate(references)}
    with contextlib.redirect_stdout(io.StringIO()):
        bleu, bleu_each = Bleu(4).compute_score(gts, res)
    rouge, rouge_each = Rouge().compute_score(gts, res)
    cider, cider_each = Cider().compute_score(gts, res)
    plain = plain_cider(list(zip(predictions, references)))
    return {
        "samples": [
            {
                "prediction": p,
                "references": r,
                "prediction_tokens": predictions[i],
                "reference_tokens": references[i],
                "bleu": [bleu_each[n][i] for n in range(4)],
                "rouge_l": float(rouge_each[i]),
                "cider_d": float(cider_each[i]),
                "cider": float(plain[i]),
            }
            for i, (p, r) in enumerate(data)
        ],
        "bleu": bleu,
        "rouge_l": float(rouge),
        "cider_d": float(cider),
        "cider": float(plain.mean()),
    }


def classification_fixture(seed=3):
    rng = np.random.default_rng(seed)
    names = ["animals", "food", "never", "only predicted", "only true", "vehicles"]
    truth = rng.choice([0, 1, 4, 5], size=80, p=[0.5, 0.3, 0.05, 0.15])
    predicted = np.where(rng.random(80) < 0.6, truth, rng.choice([0, 1, 3, 5], size=80))
    predicted[truth == 4] = 0
    present = [c for c in range(6) if (truth == c).any() or (predicted == c).any()]
    rows = []
    for c in present:
        hit = int(((truth == c) & (predicted == c)).sum())
        found, support = int((predicted == c).sum()), int((truth == c).sum())
        precision = hit / found if found else 0.0
        recall = hit / support if support else 0.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        rows.append({"name": names[c], "precision": precision, "recall": recall, "f1": f1, "support": support})
    scores = np.round(rng.normal(size=60), 1)
    positive = rng.random(60) < 1 / (1 + np.exp(-scores))
    differences = scores[positive][:, None] - scores[~positive][None, :]
    confidences = np.round(rng.random(60), 2)
    correct = rng.random(60) < confidences
    error = 0.0
    for b in range(10):
        inside = (confidences > b / 10) & (confidences <= (b + 1) / 10)
        if b == 0:
            inside |= confidences == 0
        if inside.any():
            error += inside.mean() * abs(correct[inside].mean() - confidences[inside].mean())
    return {
        "names": names,
        "truth": truth.tolist(),
        "predicted": predicted.tolist(),
        "accuracy": float((truth == predicted).mean()),
        "macro_f1": float(np.mean([r["f1"] for r in rows])),
        "macro_precision": float(np.mean([r["precision"] for r in rows])),
        "macro_recall": float(np.mean([r["recall"] for r in rows])),
        "classes": rows,
        "scores": scores.tolist(),
        "positive": positive.tolist(),
        "auroc": float((differences > 0).mean() + 0.5 * (differences == 0).mean()),
        "confidences": confidences.tolist(),
        "correct": correct.tolist(),
        "calibration_error_10": float(error),
    }


def bootstrap_fixture(seed=42):
    values = np.random.default_rng(1).gamma(2.0, size=50)
    mask = (1 << 64) - 1

    def splitmix(i):
        z = (seed + i * 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    s = [splitmix(i) for i in range(1, 5)]
    rotate = lambda x, k: ((x << k) | (x >> (64 - k))) & mask

    def xoshiro():
        result = (rotate((s[1] * 5) & mask, 7) * 9) & mask
        t = (s[1] << 17) & mask
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotate(s[3], 45)
        return result

    def draw(n):
        while True:
            value = xoshiro()
            if value < mask - mask % n:
                return value % n

    draws = [[draw(50) for _ in range(50)] for _ in range(500)]
    result = {"values": values.tolist(), "seed": seed, "resamples": 500}
    for name, statistic in [("mean", np.mean), ("median", np.median)]:
        resampled = [statistic(values[d]) for d in draws]
        low, high = np.quantile(resampled, [0.05, 0.95])
        result[name] = {"estimate": float(statistic(values)), "lower": float(low), "upper": float(high)}
    return result


def tensorboard_fixture(path):
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    with open(path, "wb") as file:
        writer = RecordWriter(file)
        scalars = lambda pairs: Summary(value=[Summary.Value(tag=t, simple_value=v) for t, v in pairs])
        for event in [
            Event(wall_time=1700000000.25, file_version="brain.Event:2"),
            Event(wall_time=1700000000.25, step=300, session_log=SessionLog(status=SessionLog.START)),
            Event(wall_time=1700000001.25, step=300, summary=scalars([("train/loss", 2.5), ("train/learning_rate", 1e-4)])),
            Event(wall_time=1700000002.25, step=5_000_000_000, summary=scalars([("validation/loss é", float("nan"))])),
            Event(wall_time=1700000003.25, summary=scalars([("zero", 0.0)])),
        ]:
            writer.write(event.SerializeToString())
        writer.flush()


def picture_fixture(path):
    y, x = np.mgrid[0:48, 0:64]
    image = np.stack([90 + 2 * x, 140 + y, 230 - 2 * y], axis=-1).astype(np.uint8)
    image[(x - 30) ** 2 + (y - 24) ** 2 < 200] = [217, 95, 35]
    rows = b"".join(b"\0" + row.tobytes() for row in image)

    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (64).to_bytes(4, "big") + (48).to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    path.write_bytes(file + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    tokens = tokenize(TOKENIZER_CASES)
    fixtures = {
        "tokenizer.json": [{"caption": c, "tokens": t} for c, t in zip(TOKENIZER_CASES, tokens)],
        "captions.json": captions_fixture(),
        "classification.json": classification_fixture(),
        "bootstrap.json": bootstrap_fixture(),
    }
    for name, value in fixtures.items():
        (folder / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    tensorboard_fixture(folder / "scalars.tfevents")
    picture_fixture(folder / "picture.png")


if __name__ == "__main__":
    main()
