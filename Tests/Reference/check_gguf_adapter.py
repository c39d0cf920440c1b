# SPDX-License-Identifier: Apache-2.0
"""Holds a GGUF adapter against PEFT, and against llama.cpp where its Python package is there.

    lorikeet convert --model DIR --dtype float32 --output base.gguf
    lorikeet convert --model DIR --adapter DIR --to gguf --output lora.gguf
    python check_gguf_adapter.py --model DIR --adapter DIR --base base.gguf --lora lora.gguf

Every weight change that the file stands for, alpha / r B A in the order of GGUF's rows, is compared with
the one that PEFT computes; then the logits of llama.cpp with base.gguf and lora.gguf with those of
transformers and PEFT. Ends with status 1 if anything differs.
"""

import argparse
import os
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gguf
import numpy as np
import peft
import torch
import transformers

TOLERANCE = 1e-5  # times the largest value of a weight change
# llama.cpp keeps keys and values, and some products, in half precision.
LOGIT_TOLERANCE = 5e-3

transformers.logging.set_verbosity_error()


def permuted(weight, heads):
    """The rows of a query or key projection as convert_hf_to_gguf.py orders them."""
    rows = weight.shape[0]
    return weight.reshape(heads, 2, rows // heads // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def weight_changes(model, config):
    """What PEFT adds to the weights, by the names of GGUF."""
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, module in model.base_model.model.named_modules():
        if not isinstance(module, peft.tuners.lora.LoraLayer):
            continue
        delta = module.get_delta_weight("default").detach().numpy()
        if name.endswith("q_proj"):
            delta = permuted(delta, config.num_attention_heads)
        if name.endswith("k_proj"):
            delta = permuted(delta, config.num_key_value_heads)
        yield names.get_name(name + ".weight", try_suffixes=(".weight",)), delta


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("model", "adapter", "base", "lora"):
        parser.add_argument("--" + name, required=name != "base")
    options = parser.parse_args()
    model = transformers.AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)
    config = model.config
    adapted = peft.PeftModel.from_pretrained(model, options.adapter).eval()
    reader = gguf.GGUFReader(options.lora)
    fields = {k: f.contents() for k, f in reader.fields.items()}
    failed = []
    expected = {
        "general.architecture": "llama",
        "general.type": "adapter",
        "adapter.type": "lora",
    }
    failed += [k for k, v in expected.items() if fields.get(k) != v]
    tensors = {t.name: t.data for t in reader.tensors}
    worst = 0.0
    changes = dict(weight_changes(adapted, config))
    for name, delta in changes.items():
        a, b = tensors.pop(name + ".lora_a", None), tensors.pop(name + ".lora_b", None)
        if a is None or b is None:
            failed.append(f"{name} is missing")
            continue
        if name.startswith("token_embd"):
            a = a.T
        found = fields["adapter.lora.alpha"] / b.shape[1] * (b @ a)
        if name.startswith("token_embd"):
            found = found.T
        difference = np.abs(found - delta).max() / max(np.abs(delta).max(), 1e-12)
        worst = max(worst, difference)
        if not difference <= TOLERANCE:
            failed.append(f"{name}: {difference}")
    failed += [f"{name} is left over" for name in tensors]
    print(f"{len(changes)} weight changes, largest relative difference {worst:.2g}")
    if options.base:
        failed += compare_logits(options, config, adapted)
    for line in failed:
        print("differs:", line)
    sys.exit(1 if failed else 0)


def compare_logits(options, config, adapted):
    try:
        import llama_cpp
    except ImportError:
        print("llama_cpp is not installed: logits are not compared")
        return []
    ids = [i * 37 % (config.vocab_size - 4) + 2 for i in range(1, 12)]

    def logits(lora):
        llama = llama_cpp.Llama(
            options.base,
            lora_path=lora,
            logits_all=True,
            n_ctx=64,
            n_threads=2,
            verbose=False,
        )
        llama.eval(ids)
        return np.array(llama.scores[: len(ids)])

    with torch.no_grad():
        expected = adapted(torch.tensor([ids])).logits[0].numpy()
        with adapted.disable_adapter():
            plain = adapted(torch.tensor([ids])).logits[0].numpy()
    found, without = logits(options.lora), logits(None)
    scale = np.abs(expected).max()
    difference = np.abs(found - expected).max() / scale
    effect = np.abs(expected - plain).max() / scale
    print(
        f"llama.cpp: relative difference {difference:.2g} with the adapter, "
        f"{np.abs(without - plain).max() / scale:.2g} without; the adapter changes {effect:.2g}"
    )
    fine = difference <= LOGIT_TOLERANCE and effect > 2 * LOGIT_TOLERANCE
    return [] if fine else ["logits of llama.cpp"]


if __name__ == "__main__":
    main()
