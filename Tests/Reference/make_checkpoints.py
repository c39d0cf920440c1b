# SPDX-License-Identifier: Apache-2.0
"""Writes Tests/Fixtures/checkpoints: small files from the reference libraries.

pip install numpy==2.4.6 torch==2.13.0 transformers==5.23.0 safetensors==0.8.0 gguf==0.19.0 onnx==1.23.2
"""
import json
import os
import tempfile

import numpy as np
import torch
from safetensors.torch import load_file, save_file

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


def gguf_types():
    """Every type that is read, and every kind of setting."""
    import gguf
    from gguf.quants import dequantize, quantize

    rng = np.random.default_rng(0)
    w = gguf.GGUFWriter(path("types.gguf"), "llama")
    w.add_uint8("t.u8", 200)
    w.add_int8("t.i8", -100)
    w.add_uint16("t.u16", 60000)
    w.add_int16("t.i16", -30000)
    w.add_uint32("t.u32", 4000000000)
    w.add_int32("t.i32", -2000000000)
    w.add_uint64("t.u64", 1 << 60)
    w.add_int64("t.i64", -(1 << 60))
    w.add_float32("t.f32", 0.1)
    w.add_float64("t.f64", 0.1)
    w.add_bool("t.bool", True)
    w.add_string("t.string", "h\u00e9llo")
    w.add_array("t.strings", ["a", "\u0120b", ""])
    w.add_array("t.integers", [1, -2, 3])
    w.add_array("t.numbers", [0.5, -0.25])
    x = rng.standard_normal((3, 64)).astype(np.float32)
    expected = {}
    for name, kind in [("F32", 0), ("F16", 1), ("Q4_0", 2), ("Q4_1", 3), ("Q8_0", 8), ("BF16", 30)]:
        q = quantize(x, gguf.GGMLQuantizationType(kind))
        w.add_tensor(name, q, raw_dtype=gguf.GGMLQuantizationType(kind))
        expected[name] = torch.from_numpy(dequantize(q, gguf.GGMLQuantizationType(kind)).astype(np.float32).copy())
    w.add_tensor("odd", np.arange(7, dtype=np.float32))
    expected["odd"] = torch.arange(7).float()
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    save_file(expected, path("types.safetensors"))


def tiny_llama():
    """A tiny Llama as llama.cpp stores it, and what transformers reads from it."""
    import gguf
    from gguf.quants import quantize
    from transformers import AutoModelForCausalLM

    rng = np.random.default_rng(1)
    d, heads, kv, hidden, layers = 32, 2, 1, 64, 2
    hd = d // heads

    def unicode_bytes():
        keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
        table, n = {b: chr(b) for b in keep}, 0
        for b in range(256):
            if b not in table:
                table[b] = chr(256 + n)
                n += 1
        return [table[b] for b in range(256)]

    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + unicode_bytes() + ["\u0120t", "he", "\u0120the"]
    types = [3] * 3 + [1] * (len(tokens) - 3)
    w = gguf.GGUFWriter(path("tiny-llama.gguf"), "llama")
    w.add_block_count(layers)
    w.add_context_length(64)
    w.add_embedding_length(d)
    w.add_feed_forward_length(hidden)
    w.add_head_count(heads)
    w.add_head_count_kv(kv)
    w.add_rope_freq_base(100000.0)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(len(tokens))
    w.add_rope_dimension_count(hd)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list(tokens)
    w.add_token_types(types)
    w.add_token_merges(["\u0120 t", "h e", "\u0120t he"])
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_unk_token_id(0)
    w.add_pad_token_id(2)
    w.add_chat_template("{% for m in messages %}{{ m['content'] }}{% endfor %}")

    def add(name, rows, cols, kind):
        kind = gguf.GGMLQuantizationType(kind)
        w.add_tensor(name + ".weight", quantize(rng.standard_normal((rows, cols)).astype(np.float32) / 6, kind), raw_dtype=kind)

    norm = lambda name: w.add_tensor(name + ".weight", 1 + rng.standard_normal(d).astype(np.float32) / 9)
    add("token_embd", len(tokens), d, 8)
    norm("output_norm")
    for i in range(layers):
        b = f"blk.{i}."
        norm(b + "attn_norm")
        norm(b + "ffn_norm")
        for name, rows, cols in [("attn_q", d, d), ("attn_k", kv * hd, d), ("attn_v", kv * hd, d), ("attn_output", d, d),
                                 ("ffn_gate", hidden, d), ("ffn_up", hidden, d), ("ffn_down", d, hidden)]:
            add(b + name, rows, cols, 3)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    model = AutoModelForCausalLM.from_pretrained(OUT, gguf_file="tiny-llama.gguf", dtype=torch.float32)
    state = {k: v.contiguous() for k, v in model.state_dict().items() if k != "lm_head.weight"}
    save_file(state, path("tiny-llama.safetensors"))


def tiny_dinov2():
    """The constants and the naming of nodes of an exported Dinov2Model, without most of its graph."""
    from onnx import TensorProto, helper, numpy_helper, save
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    config = Dinov2Config(hidden_size=16, num_hidden_layers=2, num_attention_heads=1, mlp_ratio=2, image_size=28, patch_size=14)
    model = Dinov2Model(config)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.1)
    torch.nn.init.zeros_(model.embeddings.mask_token)
    with tempfile.TemporaryDirectory() as d:  # saving gives the names of the published checkpoints
        model.save_pretrained(d)
        state = load_file(d + "/model.safetensors")
    save_file(state, path("tiny-dinov2.safetensors"))
    constants, nodes, number = [], [], 100

    def constant(kind, array):
        nonlocal number
        number += 1
        constants.append(numpy_helper.from_array(np.ascontiguousarray(array), f"onnx::{kind}_{number}"))
        return constants[-1].name

    for k, v in state.items():
        x, module = v.numpy(), "/backbone/" + k.replace(".weight", "").replace(".layer.", "/layer#").replace(".", "/").replace("#", ".")
        if k == "embeddings.mask_token":
            continue
        if k == "embeddings.position_embeddings":
            first = constant("Concat", x[:, :1])
            rest = constant("Reshape", x[:, 1:])
            nodes.append(helper.make_node("Reshape", [rest, "shape"], ["grid"], "/backbone/embeddings/Reshape_1"))
            nodes.append(helper.make_node("Concat", [first, "grid"], ["positions"], "/backbone/embeddings/Concat_6", axis=1))
        elif x.ndim == 2 and k.endswith("weight"):
            name = constant("MatMul", x.T)
            nodes.append(helper.make_node("MatMul", ["x", name], [module + "_out"], module + "/MatMul"))
        else:
            constants.append(numpy_helper.from_array(x, "backbone." + k))
    nodes.append(helper.make_node("MatMul", ["a", "b"], ["c"], "/backbone/encoder/layer.0/attention/attention/MatMul"))
    constants.append(helper.make_tensor("typed", TensorProto.FLOAT, [3], [1.5, -2.0, 0.25]))
    constants.append(helper.make_tensor("typed_int", TensorProto.INT8, [3], [1, -2, 3]))
    value = numpy_helper.from_array(np.array([7, -8], np.int64))
    nodes.append(helper.make_node("Constant", [], ["made"], "/Constant", value=value))
    graph = helper.make_graph(nodes, "tiny", [], [], constants)
    save(helper.make_model(graph), path("tiny-dinov2.onnx"))


def zip_file():
    """The tiny Llama as the member of a zip file, packed in every way."""
    import zipfile
    import zlib

    data = open(path("tiny-llama.gguf"), "rb").read()
    with zipfile.ZipFile(path("tiny-llama.zip"), "w") as z:
        def add(name, data, method):
            info = zipfile.ZipInfo("pack/" + name)  # dated 1980, so that the file is reproducible
            info.compress_type = method
            z.writestr(info, data)

        add("stored.gguf", data, zipfile.ZIP_STORED)
        add("deflated.gguf", data, zipfile.ZIP_DEFLATED)
        add("empty", b"", zipfile.ZIP_DEFLATED)
        add("text", "".join(f"{i % 100}," for i in range(20000)), zipfile.ZIP_DEFLATED)
        plain = zlib.compressobj
        zlib.compressobj = lambda level, method, bits: plain(9, method, bits, 8, zlib.Z_FIXED)
        add("fixed.gguf", data, zipfile.ZIP_DEFLATED)
        zlib.compressobj = plain


if __name__ == "__main__":
    safetensors_files()
    gguf_types()
    tiny_llama()
    tiny_dinov2()
    zip_file()
