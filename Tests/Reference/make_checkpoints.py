# SPDX-License-Identifier: Apache-2.0
"""Writes Tests/Fixtures/checkpoints: small files from the reference libraries.

pip install numpy==2.* torch==2.13.* safetensors==0.8.* gguf==0.19.* onnx==1.22.*
"""
import json
import os

import numpy as np
import torch
from safetensors.torch import save_file

OUT = os.path.join(os.path.dirname(__file__), "..", "Fixtures", "checkpoints")
os.makedirs(OUT, exist_ok=True)
path = lambda name: os.path.join(OUT, name)


def safetensors_files():
    x = torch.arange(12).reshape(3, 4)
    tensors = {
        "b.float32": x.float() / 8 - 0.5,
        "a.float32": torch.tensor(3.25),
        "float64": x.double() / 3,
        "float16": x.half() / 7,
        "bfloat16": x.bfloat16() / 7,
        "int64": x - 5,
        "int32": (x - 5).int(),
        "int16": (x - 5).short(),
        "int8": (x - 5).to(torch.int8),
        "uint8": x.to(torch.uint8),
        "bool": x % 3 == 0,
        "empty": torch.zeros(0, 4),
        'na"me\\with\n\u00e9\U0001f426\x01': torch.ones(2),
    }
    save_file(tensors, path("all_types.safetensors"), metadata={"format": "pt"})
    expected = {k: v.float().flatten().tolist() for k, v in tensors.items()}
    with open(path("all_types.json"), "w") as f:
        json.dump({k: {"shape": list(tensors[k].shape), "values": v} for k, v in expected.items()}, f)
    os.makedirs(path("sharded"), exist_ok=True)
    names = {"model-00001-of-00002.safetensors": ["a.weight", "b.weight"], "model-00002-of-00002.safetensors": ["c.weight"]}
    for i, (shard, members) in enumerate(names.items()):
        save_file({m: torch.full((2, 2), float(i + 1)) for m in members}, path("sharded/" + shard))
    with open(path("sharded/model.safetensors.index.json"), "w") as f:
        json.dump({"metadata": {"total_size": 48}, "weight_map": {m: s for s, ms in names.items() for m in ms}}, f)


if __name__ == "__main__":
    safetensors_files()
