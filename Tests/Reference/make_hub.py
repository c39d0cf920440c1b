# SPDX-License-Identifier: Apache-2.0
"""Writes Tests/Fixtures/hub: which paths huggingface_hub's patterns select, where it looks for its cache and token, and
the hashes of a small repository's files as git and SHA-256 give them.

    python make_hub.py [OUT]

Made with huggingface_hub 2.4.0 and git.
"""

import hashlib
import json
import os
import random
import subprocess
import sys

from huggingface_hub.utils import filter_repo_objects

OUT = os.path.join(os.path.dirname(__file__), "..", "Fixtures", "hub")
PATHS = ["config.json", "model.safetensors", "model-00001-of-00002.safetensors", "onnx/model.onnx", "onnx/config.json", "a[b].txt", "a-b", "]x",
         "train/0001.png", "train/cat/0001.png", "Ünï.json", "x", "", "a!b", "README.md", ".gitattributes", "a\\b"]
PATTERNS = ["*", "*.json", "onnx/", "onnx/*", "*/config.json", "?", "??", "model*.safetensors", "[a-m]*", "[!a-m]*", "a[[]b].txt", "[]]x", "[]x",
            "[a", "a[!]b", "*0001*", "train/*/*.png", "**", "a[-]b", "[z-a]", "[a-]*", "[!]]x", "Ü*", "*.JSON", "a*b*", "***x", "a[!-c]b", "[\\]x", "a\\b"]
ENVIRONMENTS = [
    {}, {"HF_HOME": "/h"}, {"XDG_CACHE_HOME": "/x"}, {"XDG_CACHE_HOME": "/x", "HF_HOME": "~/h"}, {"HF_HUB_CACHE": "/c", "HF_HOME": "/h"},
    {"HUGGINGFACE_HUB_CACHE": "/old"}, {"HUGGINGFACE_HUB_CACHE": "/old", "HF_HUB_CACHE": "/c"}, {"HF_HUB_OFFLINE": "1"}, {"HF_HUB_OFFLINE": "yes"},
    {"HF_HUB_OFFLINE": "0"}, {"TRANSFORMERS_OFFLINE": "true"}, {"HF_ENDPOINT": "https://mirror.example/"}, {"HF_TOKEN": " hf_a\n"},
    {"HUGGING_FACE_HUB_TOKEN": "hf_b"}, {"HF_TOKEN": "hf_a", "HUGGING_FACE_HUB_TOKEN": "hf_b"},
]
ASK = """
import json, os
from huggingface_hub import constants as c, get_token
print(json.dumps({"endpoint": c.ENDPOINT, "token": get_token(), "cache": c.HF_HUB_CACHE, "offline": c.HF_HUB_OFFLINE}))
"""


def settings():
    rows = []
    for environment in ENVIRONMENTS:
        base = {"HOME": "/home/u", "PATH": os.environ["PATH"]}
        out = subprocess.run([sys.executable, "-c", ASK], env={**base, **environment}, check=True, capture_output=True, text=True).stdout
        rows.append({"environment": {"HOME": "/home/u", **environment}, **json.loads(out)})
    return rows


def patterns():
    rng = random.Random(3)
    made = list(PATTERNS)
    while len(made) < 120:
        made.append("".join(rng.choice(["*", "?", "[", "]", "!", "-", "a", "b", "m", "x", ".", "/", "0"]) for _ in range(rng.randint(1, 7))))
    paths = PATHS + ["".join(rng.choice("abmx./0!-]") for _ in range(rng.randint(1, 5))) for _ in range(30)]
    return {"paths": paths, "selected": {p: [i for i, path in enumerate(paths) if list(filter_repo_objects([path], allow_patterns=[p]))] for p in made}}


def content(length):
    """What FakeHub.content gives."""
    return bytes(i * i // 7 % 251 for i in range(length))


def hashes():
    rows = []
    for name, length, large in [("config.json", 700, False), ("tokenizer.json", 0, False), ("model.safetensors", 300000, True),
                                ("sub dir/a+b #1.json", 55, False), ("model.bin", 90, True)]:
        data = content(length)
        git = subprocess.run(["git", "hash-object", "--stdin"], input=data, check=True, capture_output=True).stdout.decode().strip()
        rows.append({"name": name, "length": length, "isLarge": large, "etag": hashlib.sha256(data).hexdigest() if large else git})
    return rows


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else OUT
    os.makedirs(out, exist_ok=True)
    for name, value in [("settings", settings()), ("patterns", patterns()), ("files", hashes())]:
        with open(os.path.join(out, name + ".json"), "w", encoding="utf-8") as f:
            json.dump(value, f, ensure_ascii=False, separators=(",", ":"))
            f.write("\n")


if __name__ == "__main__":
    main()
