# SPDX-License-Identifier: Apache-2.0
"""Opens in transformers and PEFT what Lorikeet assembles, trains and merges, and holds the logits and 32 greedy tokens of
`lorikeet debug forward` against theirs.

    python open_in_python.py --lorikeet PROGRAM --repository DIR [--work DIR] [--only WORD] [--table OUT]

Assembled: pairs of encoder and decoder from Tests/Fixtures/models. Trained: adapters of every method that `finetune` has, on
Models/tiny and Datasets/tiny. Merged: these, and adapters that PEFT made here with what `finetune` does not train (biases, single
tokens, embeddings, patterns of ranks), which Lorikeet opens, and whose merged models it writes.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file

from check_outputs import open_model

warnings.simplefilter("ignore")

TOKENS = 32
PAIRS = [
    ("clip", "llama3-rope", []), ("siglip", "gemma", []), ("dinov2-registers", "gemma2", []), ("siglip", "qwen3", []),
    ("clip", "qwen2", ["--feature-layer", "-1", "--feature-layer", "-2"]), ("dinov2", "phi3", []), ("clip", "mistral", ["--select", "full"]),
    ("siglip", "phi3-long", []), ("clip", "llama-yarn", []), ("clip", "llama-dynamic-rope", []),
]
TRAINED = {
    "lora": [], "rslora": ["use_rslora=true"], "dora": ["use_dora=true"], "dora, rslora": ["use_dora=true", "use_rslora=true"], "ia3": ["peft_type=IA3"],
    "lora, projector saved": ["projector.train=full"], "lora on all parts": ["encoder.train=lora", "projector.train=lora"],
    "dora on all parts": ["use_dora=true", "encoder.train=lora", "projector.train=lora"], "ia3 on all parts": ["peft_type=IA3", "encoder.train=lora", "projector.train=lora"],
    "lora on q and v, rank 3": ["decoder.target_modules=[q_proj, v_proj]", "decoder.r=3", "decoder.lora_alpha=7"],
    "decoder in full": ["decoder.train=full"], "encoder in full": ["encoder.train=full", "decoder.train=frozen"],
}
LINEAR = r".*language_model.*\.(q_proj|v_proj|down_proj)"
BIASED = r".*vision_tower.*\.(q_proj|v_proj|fc1)"
MADE = {
    "bias lora_only": dict(target_modules=BIASED, bias="lora_only"),
    "bias all": dict(target_modules=BIASED, bias="all"),
    "lora_bias": dict(target_modules=BIASED, lora_bias=True),
    "embeddings": dict(target_modules=r".*(embed_tokens|q_proj)"),
    "trainable tokens": dict(target_modules=LINEAR, trainable_token_indices={"embed_tokens": [5, 17, 590]}),
    "projector saved": dict(target_modules=LINEAR, modules_to_save=["multi_modal_projector"]),
    "patterns": dict(target_modules=LINEAR, rank_pattern={"v_proj": 2}, alpha_pattern={"down_proj": 40}, use_rslora=True),
    "layers": dict(target_modules=["q_proj"], layers_to_transform=[1, 3], layers_pattern="layers"),
    "dora": dict(target_modules=LINEAR, use_dora=True),
    "ia3": None,
}


# What cannot be merged, and why: the words of the refusal. PEFT itself would merge it and change the head with the embeddings.
REFUSED = {"embeddings": "is also the model's head"}


class Bench:
    def __init__(self, options):
        self.program, self.repository, self.work, self.only = options.lorikeet, options.repository, options.work, options.only
        self.rows = []

    def lorikeet(self, *arguments):
        run = subprocess.run([self.program, *map(str, arguments), "--quiet"], capture_output=True, text=True, cwd=self.repository)
        if run.returncode:
            raise RuntimeError(run.stderr.strip().split("\n")[-1])

    def inputs(self, model, path):
        """A picture of noise between random words, the same for the same model."""
        with open(model / "config.json") as f:
            config = json.load(f)
        vision, image = config["vision_config"], config["image_token_index"]
        side = vision["image_size"] // vision["patch_size"]
        before = 0 if vision["model_type"] == "siglip_vision_model" else 1 + vision.get("num_register_tokens", 0)
        count = side * side + before - (config["vision_feature_select_strategy"] == "default")
        generator = torch.Generator().manual_seed(0)
        words = torch.randint(4, image, (1, 9), generator=generator)
        ids = torch.cat([words[:, :3], torch.full((1, count), image), words[:, 3:]], 1)
        pixels = torch.randn(1, 3, vision["image_size"], vision["image_size"], generator=generator)
        save_file({"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": pixels}, path)

    def check(self, name, model, adapter=None, base=None, base_adapter=None):
        """Lorikeet's numbers for `model` with `adapter` against Python's for `base` (or the same)."""
        inputs, outputs = self.work / "in.safetensors", self.work / "out.safetensors"
        self.inputs(model, inputs)
        tensors = load_file(inputs)
        length = tensors["input_ids"].shape[1]
        self.lorikeet("debug", "forward", "--model", model, *(["--adapter", adapter] if adapter else []), "--inputs", inputs, "--outputs", outputs,
                      "--generate", TOKENS, "--from", length)
        ours = load_file(outputs)
        _, opened, problems = open_model(base or model, base_adapter if base else adapter)
        with torch.no_grad():
            logits = opened(**tensors).logits
            greedy = opened.generate(**tensors, max_new_tokens=TOKENS, do_sample=False, eos_token_id=None, pad_token_id=0)[:, length:]
        difference = (ours["logits"].reshape(logits.shape).float() - logits).abs().max().item()
        allowed = 1e-4 * max(1.0, logits.abs().max().item())
        equal = int((ours["greedy_ids"].flatten() == greedy.flatten()).sum())
        verdict = "ok" if difference <= allowed and equal == TOKENS and not problems else "DIFFERS"
        self.add(name, str(len(problems)), f"{difference:.1e}", f"{logits.abs().max().item():.1f}", f"{equal} of {TOKENS}", verdict)
        for problem in problems[:5]:
            print("   ", problem)

    def add(self, *row):
        self.rows.append(row)
        print("| " + " | ".join(row) + " |", flush=True)

    def attempt(self, name, body):
        if self.only not in name:
            return
        try:
            body()
        except Exception as error:
            self.add(name, "", "", "", "", f"FAILED: {type(error).__name__}: {error}"[:300])

    def fresh(self, name):
        path = self.work / name.replace(" ", "-").replace(",", "")
        shutil.rmtree(path, ignore_errors=True)
        return path

    # What Lorikeet makes

    def assembled(self, encoder, decoder, flags):
        name = f"assembled: {encoder} + {decoder} {' '.join(flags)}".strip()

        def body():
            path = self.fresh("assembled")
            models = self.repository / "Tests/Fixtures/models"
            self.lorikeet("assemble", "--encoder", models / encoder / "seed-1/model", "--decoder", models / decoder / "seed-1/model", "--output", path, *flags)
            self.check(name, path)
        self.attempt(name, body)

    def trained(self, method, settings):
        name = f"trained: {method}"
        tiny = self.repository / "Models/tiny"

        def body():
            run, merged = self.fresh("run"), self.fresh("merged")
            shutil.rmtree(run, ignore_errors=True)
            values = ["routing=shared", "missing=drop", "max_steps=12", "eval_steps=12", "eval_samples=8", "learning_rate=3.0e-3", "warmup_steps=2",
                      "per_device_train_batch_size=4", "projector.train=frozen"]
            keys = [s.split("=")[0] for s in settings]
            values = [v for v in values if v.split("=")[0] not in keys] + settings
            self.lorikeet("finetune", "--model", tiny, "--data", self.repository / "Datasets/tiny", "--output", run, *(x for v in values for x in ("--set", v)))
            if "full" in name and not (run / "adapter/adapter_config.json").exists():
                return self.check(name, run / "model")
            base = run / "model" if (run / "model").exists() else tiny
            self.check(name, base, run / "adapter")
            if "full" not in name:
                self.lorikeet("merge", "--model", tiny, "--adapter", run / "adapter", "--output", merged)
                self.check(f"merged: {method}", merged)
                self.check(f"merged: {method}, against base and adapter", merged, None, tiny, run / "adapter")
        self.attempt(name, body)

    def made(self, kind, settings):
        name = f"made by PEFT: {kind}"
        tiny = self.repository / "Models/tiny"

        def body():
            adapter, merged = self.fresh("adapter"), self.fresh("merged")
            torch.manual_seed(3)
            model = transformers.AutoModelForImageTextToText.from_pretrained(tiny, dtype=torch.float32)
            if settings is None:
                config = peft.IA3Config(target_modules=r".*language_model.*\.(k_proj|v_proj|down_proj)", feedforward_modules=r".*\.down_proj")
            else:
                config = peft.LoraConfig(r=4, lora_alpha=8, **settings)
            model = peft.get_peft_model(model, config)
            with torch.no_grad():
                for parameter in model.parameters():
                    if parameter.requires_grad:
                        parameter += 0.05 * torch.randn_like(parameter)
            model.save_pretrained(adapter)
            self.check(name, tiny, adapter)
            try:
                self.lorikeet("merge", "--model", tiny, "--adapter", adapter, "--output", merged)
            except RuntimeError as error:
                verdict = "ok" if kind in REFUSED and REFUSED[kind] in str(error) else "FAILED"
                return self.add(f"merged: {kind}", "", "", "", "", f"{verdict}: refused, {str(error).removeprefix('error: ')}")
            self.check(f"merged: {kind}, against base and adapter", merged, None, tiny, adapter)
        self.attempt(name, body)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lorikeet", required=True)
    parser.add_argument("--repository", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("open-in-python"))
    parser.add_argument("--only", default="", help="only cases with this word in their name")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    options.repository, options.work = options.repository.resolve(), options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    bench = Bench(options)
    print(f"transformers {transformers.__version__}, PEFT {peft.__version__}, torch {torch.__version__}")
    heads = ["what", "keys missing or left over", "largest logit difference", "largest logit", "greedy tokens equal", ""]
    print("| " + " | ".join(heads) + " |")
    for pair in PAIRS:
        bench.assembled(*pair)
    for item in TRAINED.items():
        bench.trained(*item)
    for item in MADE.items():
        bench.made(*item)
    if options.table:
        lines = [heads, ["---"] + ["---:"] * 4 + ["---"], *bench.rows]
        options.table.write_text("".join("| " + " | ".join(row) + " |\n" for row in lines))
    sys.exit(any(not row[5].startswith("ok") for row in bench.rows))


if __name__ == "__main__":
    main()
