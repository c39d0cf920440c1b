# SPDX-License-Identifier: Apache-2.0
"""Opens what Lorikeet wrote in transformers and PEFT, and holds Lorikeet's numbers against theirs.

    lorikeet debug forward --model DIR --inputs in.safetensors --outputs out.safetensors \\
        [--adapter DIR] [--gradients] [--generate N --from K]
    python check_outputs.py --model DIR --inputs in.safetensors --outputs out.safetensors \\
        [--adapter DIR] [--from K]

Every tensor of the outputs file is computed anew and compared; the table shows the largest difference
and the largest allowed. A weight that is missing or left over when the directories are opened is a
failure too. Ends with status 1 if anything differs.
"""

import argparse
import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import peft
import torch
import transformers
from safetensors.torch import load_file

from make_models import file_names

OUTPUT_TOLERANCE = 1e-4  # times the largest value of the tensor, or 1 if that is smaller
GRADIENT_TOLERANCE = 1e-3  # times the largest value of the tensor
GRADIENT_FLOOR = 1e-6  # some gradients are zero but for rounding

ENCODERS = ("clip_vision_model", "siglip_vision_model", "dinov2", "dinov2_with_registers")
VISION_LANGUAGE = (
    "llava", "llava_next", "paligemma", "idefics3", "smolvlm", "qwen2_vl", "qwen2_5_vl",
)
# Parameters that no output depends on; a model may go without them.
UNUSED = ("mask_token",)

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


def is_problem(warning):
    """Whether something of the adapter was not taken up; that a tied weight is adapted is fine."""
    return "adapter" in warning and "ensure_weight_tying" not in warning


def open_model(folder, adapter):
    """The model, ready for gradients, and a line for everything that did not fit."""
    kind = transformers.AutoConfig.from_pretrained(folder).model_type
    if kind in ENCODERS:
        opener = transformers.AutoModel
    elif kind in VISION_LANGUAGE:
        opener = transformers.AutoModelForImageTextToText
    else:
        opener = transformers.AutoModelForCausalLM
    model, loading = opener.from_pretrained(
        folder, output_loading_info=True, attn_implementation="eager", dtype=torch.float32
    )
    problems = [
        f"{folder}: {what}: {key}"
        for what in ("missing_keys", "unexpected_keys", "mismatched_keys")
        for key in loading[what]
        if not str(key).endswith(UNUSED)
    ]
    if adapter:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = peft.PeftModel.from_pretrained(model, adapter, is_trainable=True)
        problems += [f"{adapter}: {w.message}" for w in caught if is_problem(str(w.message))]
        stored = load_file(adapter / "adapter_model.safetensors")
        taken = peft.get_peft_model_state_dict(model)
        problems += [f"{adapter}: not taken up: {k}" for k in sorted(stored.keys() - taken.keys())]
    return kind, model.eval(), problems


def compute(kind, model, adapted, inputs, wanted, prompt):
    """The outputs that stand in `wanted`, under the same names."""
    if kind in ENCODERS:
        with torch.no_grad():
            output = model(
                inputs["pixel_values"], output_hidden_states=True, output_attentions=True
            )
        return {
            "last_hidden_state": output.last_hidden_state,
            "hidden.penultimate": output.hidden_states[-2],
            "attention.penultimate": output.attentions[-2],
            "attention.last": output.attentions[-1],
            "pooler_output": output.pooler_output,
        }
    output = model(**inputs, output_hidden_states=True)
    found = {
        "logits": output.logits,
        "hidden.0": output.hidden_states[0],
        "hidden.last": output.hidden_states[-1],
    }
    if output.loss is not None:
        found["loss"] = output.loss.reshape(1)
    if getattr(output, "image_hidden_states", None) is not None:
        features = output.image_hidden_states
        features = getattr(features, "pooler_output", features)
        if isinstance(features, (list, tuple)):
            features = torch.cat(features)
        found["image_features"] = features.flatten(0, -2)
    elif "image_grid_thw" in inputs:
        keys = ("pixel_values", "image_grid_thw")
        inner = model.base_model.model if adapted else model
        with torch.no_grad():
            pictures = inner.model.get_image_features(**{k: inputs[k] for k in keys})
        found["image_features"] = torch.cat(list(pictures.pooler_output))
    if any(name.startswith("grad.") for name in wanted):
        output.loss.backward()
        names = file_names(model, "adapter_model.safetensors" if adapted else "model.safetensors")
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                gradient = parameter.grad
                found["grad." + names[name]] = (
                    torch.zeros_like(parameter) if gradient is None else gradient
                )
    if "trainable_parameters" in wanted:
        count = sum(p.numel() for p in model.parameters() if p.requires_grad)
        found["trainable_parameters"] = torch.tensor([count])
    if "greedy_ids" in wanted:
        if prompt is None:
            sys.exit("error: the outputs hold greedy_ids: --from K is needed")
        given = {
            k: v if k in ("pixel_values", "image_sizes", "image_grid_thw") else v[:, :prompt]
            for k, v in inputs.items()
            if k != "labels"
        }
        sequence = model.generate(
            **given,
            max_new_tokens=wanted["greedy_ids"].shape[-1],
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        found["greedy_ids"] = sequence[:, prompt:]
    return found


def compare(name, ours, theirs):
    """One row of the table: difference, allowed difference, verdict."""
    if ours.numel() != theirs.numel():
        return "", "", f"shape {list(ours.shape)}, expected {list(theirs.shape)}"
    ours, theirs = ours.flatten(), theirs.detach().flatten()
    if not theirs.is_floating_point():
        different = int((ours != theirs).sum())
        return str(different), "0", "ok" if different == 0 else "DIFFERS"
    largest = theirs.abs().max().item()
    if name.startswith("grad."):
        allowed = max(GRADIENT_TOLERANCE * largest, GRADIENT_FLOOR)
    else:
        allowed = OUTPUT_TOLERANCE * max(1.0, largest)
    difference = (ours.float() - theirs).abs().max().item()
    # Written so that a NaN on either side fails.
    return f"{difference:.1e}", f"{allowed:.1e}", "ok" if difference <= allowed else "DIFFERS"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--inputs", type=Path, required=True)
    parser.add_argument("--outputs", type=Path, required=True)
    parser.add_argument("--from", type=int, dest="prompt", metavar="K")
    options = parser.parse_args()
    inputs, wanted = load_file(options.inputs), load_file(options.outputs)
    kind, model, problems = open_model(options.model, options.adapter)
    found = compute(kind, model, options.adapter is not None, inputs, wanted, options.prompt)

    rows = []
    for name, ours in sorted(wanted.items()):
        if name in found:
            rows.append((name, str(list(ours.shape)), *compare(name, ours, found[name])))
        else:
            rows.append((name, str(list(ours.shape)), "", "", "NOT KNOWN HERE"))
    rows.insert(0, ("tensor", "shape", "difference", "allowed", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join([*(cell.ljust(w) for cell, w in zip(row, widths)), row[4]]).rstrip())
    for problem in problems:
        print(problem)
    failed = len(problems) + sum(row[4] != "ok" for row in rows[1:])
    print(f"{len(rows) - 1} tensors compared, {failed} failures")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
