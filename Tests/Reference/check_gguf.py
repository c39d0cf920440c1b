# SPDX-License-Identifier: Apache-2.0
"""Holds a GGUF file that Lorikeet wrote of a Llama decoder against the same weights in safetensors, by the gguf package; run
by hand.

    lorikeet merge --model vlm --adapter run --output merged
    lorikeet merge --model vlm --adapter run --dtype q8_0 --output merged.gguf
    python check_gguf.py merged merged.gguf

Q8_0 blocks are compared with those that the package itself makes of the weights. Made with gguf 0.19.0.
"""

import glob
import json
import sys

import gguf
import numpy
from safetensors.torch import load_file

NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output",
}


def name(stored):
    """The name in GGUF; None for another part of a vision-language model."""
    parts = stored.removesuffix(".weight").split(".")
    if "vision_tower" in parts or "multi_modal_projector" in parts:
        return None
    parts = [p for p in parts if p not in ("language_model", "model")]
    if parts[0] == "layers":
        return f"blk.{parts[1]}.{NAMES['.'.join(parts[2:])]}.weight"
    return NAMES[parts[0]] + ".weight"


def main():
    directory, path = sys.argv[1:]
    with open(directory + "/config.json", encoding="utf-8") as f:
        config = json.load(f)
    config = config.get("text_config", config)
    reader = gguf.GGUFReader(path)
    found = {t.name: t for t in reader.tensors}
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    kinds, worst, expected = {}, 0.0, set()
    for file in glob.glob(directory + "/*.safetensors"):
        for stored, tensor in load_file(file).items():
            target = name(stored)
            if target is None:
                continue
            expected.add(target)
            values = tensor.float().numpy()
            count = next((n for key, n in heads.items() if "." + key + "." in target), None)
            if count:
                rows, columns = values.shape
                values = values.reshape(count, 2, rows // count // 2, columns).swapaxes(1, 2).reshape(rows, columns)
            t = found[target]
            kinds[t.tensor_type.name] = kinds.get(t.tensor_type.name, 0) + 1
            read = gguf.quants.dequantize(t.data, t.tensor_type).reshape(values.shape)
            same = gguf.quants.dequantize(gguf.quants.quantize(values, t.tensor_type), t.tensor_type).reshape(values.shape)
            worst = max(worst, float(numpy.abs(read - same).max() / max(numpy.abs(values).max(), 1e-9)))
    assert set(found) == expected, set(found) ^ expected
    fields = {key: field.contents() for key, field in reader.fields.items() if not key.startswith("tokenizer.ggml.") and not key.startswith("GGUF")}
    print({key: value for key, value in fields.items() if len(str(value)) < 40})
    print(f"{len(expected)} tensors {kinds}: largest difference {worst:g} of the largest weight")
    sys.exit(worst > 1e-6)


if __name__ == "__main__":
    main()
