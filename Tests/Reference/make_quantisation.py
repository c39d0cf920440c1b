# SPDX-License-Identifier: Apache-2.0
"""Writes Tests/Fixtures/quantisation: weights in stored types.

Q8_0, Q4_0, Q4_1, F16 and BF16 come from the gguf package; the 4-bit normal float is written out here
in numpy after the QLoRA paper and the layout in which bitsandbytes saves it.

pip install numpy==2.4.6 torch==2.13.0 safetensors==0.8.0 gguf==0.19.0
"""
import json
import os

import numpy as np
import torch
from gguf import GGMLQuantizationType as Q, quants
from safetensors.numpy import save_file

OUT = os.path.join(os.path.dirname(__file__), "..", "Fixtures", "quantisation")
os.makedirs(OUT, exist_ok=True)

# The published values (QLoRA, appendix E).
NF4 = np.array([
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0], dtype=np.float32)


def values():
    rng = np.random.default_rng(7)
    x = rng.standard_normal((24, 64)).astype(np.float32)
    x[1] *= 1e-3
    x[2] *= 300
    x[3] = 0
    x[4, :32] = 0
    x[5] = 0.25
    x[6] = -0.25
    x[7] = np.arange(64) - 32  # halves and ties
    x[8] = (np.arange(64) - 32) / 2
    x[9] = -np.abs(x[9])
    x[10] = np.abs(x[10])
    x[11, 5] = 100
    x[12, 40] = -100
    x[13] *= 1e-7  # small halves
    x[14, ::2] = -0.0
    x[15] = np.sign(x[15])
    return x


def dynamic_code():
    """The signed dynamic 8-bit code as bitsandbytes builds it."""
    data = []
    for i in range(7):
        bounds = torch.linspace(0.1, 1, 2 ** i + 1)
        means = (bounds[:-1] + bounds[1:]) / 2.0
        data += ((10 ** (-6 + i)) * means).tolist()
        data += (-(10 ** (-6 + i)) * means).tolist()
    return np.array(sorted(data + [0, 1.0]), dtype=np.float32)


def nearest(x, code):
    return np.abs(x[..., None].astype(np.float64) - code.astype(np.float64)).argmin(-1).astype(np.uint8)


def normal_float(x, name, nested=True):
    """The tensors in which bitsandbytes saves a weight, and its values."""
    blocks = x.reshape(-1, 64)
    absmax = np.abs(blocks).max(1)
    scale = np.where(absmax > 0, 1 / np.where(absmax > 0, absmax, 1), 0).astype(np.float32)
    places = nearest(blocks * scale[:, None], NF4)
    flat = places.reshape(-1)
    state = {"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": list(x.shape)}
    out = {name: (flat[0::2] << 4 | flat[1::2])[:, None], name + ".quant_map": NF4}
    if nested:
        code = dynamic_code()
        offset = np.float32(absmax.astype(np.float64).mean())
        rest = absmax - offset
        chunks = [rest[i:i + 256] for i in range(0, len(rest), 256)]
        largest = np.array([np.abs(c).max() for c in chunks], dtype=np.float32)
        eight = np.concatenate([nearest(c * (np.float32(1) / m), code) for c, m in zip(chunks, largest)])
        out |= {name + ".absmax": eight, name + ".nested_absmax": largest,
                name + ".nested_quant_map": code}
        state |= {"nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": float(offset)}
        absmax = code[eight] * np.repeat(largest, 256)[:len(eight)] + offset
    else:
        out[name + ".absmax"] = absmax
    out[name + ".quant_state.bitsandbytes__nf4"] = np.frombuffer(json.dumps(state).encode(), np.uint8)
    return out, (NF4[places] * absmax[:, None]).reshape(x.shape)


x = values()
out = {"values": x}
for kind in [Q.Q8_0, Q.Q4_0, Q.Q4_1, Q.BF16]:
    out[kind.name] = quants.quantize(x, kind).view(np.uint8)
    out[kind.name + ".values"] = quants.dequantize(out[kind.name], kind)
out["F16"] = x.astype(np.float16).view(np.uint8)
out["F16.values"] = x.astype(np.float16).astype(np.float32)
out["dynamic_code"] = dynamic_code()
save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, os.path.join(OUT, "values.safetensors"))

# 300 blocks: two nested ones.
rng = np.random.default_rng(8)
weight = (rng.standard_normal((75, 256)) * rng.gamma(4, 0.25, (75, 1))).astype(np.float32)
tensors, expected = normal_float(weight, "layer.weight")
single, plain = normal_float(weight[:3], "plain.weight", nested=False)
save_file({k: np.ascontiguousarray(v) for k, v in (tensors | single).items()},
          os.path.join(OUT, "nf4.safetensors"))
save_file({"weight": weight, "nf4": expected.astype(np.float32), "plain": plain.astype(np.float32)},
          os.path.join(OUT, "nf4_expected.safetensors"))
