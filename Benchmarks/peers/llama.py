# SPDX-License-Identifier: Apache-2.0
"""Prefill and decoding in llama.cpp, on the decoder of an assembled model written as GGUF."""

import argparse
import json
import time
from pathlib import Path

from common import THREADS, measure, report

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--type", choices=["F32", "F16", "Q8_0", "Q4_0", "Q4_1"], default="F32")
parser.add_argument("--prompt-tokens", type=int, default=288)
parser.add_argument("--tokens", type=int, default=64)
parser.add_argument("--repetitions", type=int, default=5)
parser.add_argument("--work", required=True, help="where GGUF files are kept")
options = parser.parse_args()

import numpy as np


def write_gguf(path):
    """The decoder's weights in this type; norms stay float32."""
    import gguf
    from safetensors import safe_open

    config = json.loads((Path(options.model) / "config.json").read_text())["text_config"]
    heads, key_heads = config["num_attention_heads"], config["num_key_value_heads"]
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_heads)
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
    writer.add_rope_freq_base(theta)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("no_vocab")
    kind = gguf.GGMLQuantizationType[options.type]
    names = {
        "embed_tokens": "token_embd", "norm": "output_norm", "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    }

    def interleaved(weight, count):
        # llama.cpp turns neighbouring channels together, transformers halves.
        shape = (count, 2, weight.shape[0] // count // 2, weight.shape[1])
        return weight.reshape(shape).swapaxes(1, 2).reshape(weight.shape)

    with safe_open(str(Path(options.model) / "model.safetensors"), "np") as file:
        for key in file.keys():
            prefix = "language_model.model."
            if not key.startswith(prefix):
                continue
            parts = key.removeprefix(prefix).removesuffix(".weight").split(".")
            place = f"blk.{parts[1]}." if parts[0] == "layers" else ""
            module = ".".join(parts[2:] if place else parts)
            weight = file.get_tensor(key).astype(np.float32)
            if module.endswith("q_proj"):
                weight = interleaved(weight, heads)
            if module.endswith("k_proj"):
                weight = interleaved(weight, key_heads)
            own = gguf.GGMLQuantizationType.F32 if weight.ndim == 1 else kind
            data = gguf.quants.quantize(weight, own)
            writer.add_tensor(f"{place}{names[module]}.weight", data, raw_dtype=own)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


path = Path(options.work) / f"decoder-{options.type}.gguf"
if not path.exists():
    path.parent.mkdir(parents=True, exist_ok=True)
    write_gguf(path)

from llama_cpp import Llama

llama = Llama(
    str(path), n_ctx=options.prompt_tokens + options.tokens + 8, n_batch=512, n_threads=THREADS,
    n_threads_batch=THREADS, verbose=False)
prompt = [int(t) for t in np.random.default_rng(0).integers(0, llama.n_vocab(), options.prompt_tokens)]


def prefill():
    llama.reset()
    llama.eval(prompt)


seconds, others = measure(prefill, options.repetitions, 1)
report("decode", "prefill", seconds, others, dtype=options.type)
each = []


def decode():
    prefill()
    token = int(np.argmax(llama.scores[llama.n_tokens - 1]))
    start = time.perf_counter()
    for _ in range(options.tokens):
        llama.eval([token])
        token = int(np.argmax(llama.scores[llama.n_tokens - 1]))
    each.append((time.perf_counter() - start) / options.tokens)


_, others = measure(decode, options.repetitions, 1)
report("decode", "token", each[1:], others, dtype=options.type)
