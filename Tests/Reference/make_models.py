# SPDX-License-Identifier: Apache-2.0
"""Writes small models and adapters with the numbers that transformers and PEFT give for them.

    python make_models.py --models DIR --adapters DIR [--seeds 1 2] [--only NAME ...]

Every case is a folder, DIR/NAME/seed-N, with

    model/                 config.json and model.safetensors as transformers writes them
    adapter/               adapter_config.json and adapter_model.safetensors as PEFT writes them
                           (adapters only)
    inputs.safetensors     input_ids, labels, attention_mask, pixel_values: those the model takes
    expected.safetensors   outputs; gradients as "grad." + the name in the file with the parameter
    case.json              kind, seed, the length of the prompt of greedy_ids, versions

The weights are random, and no two parameters, rows or heads are alike: a transposed matrix, a bias
left out, a wrong epsilon or a swapped head shows in the first digits.
"""

import argparse
import itertools
import json
import os
import shutil
import tempfile
import zlib
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import peft
import torch
import transformers
from safetensors.torch import load_file, save_file

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

GREEDY_TOKENS = 8
# A greedy continuation is kept only if the best logit always leads by this much, so that rounding
# cannot change the choice.
GREEDY_MARGIN = 2e-3


# MARK: A case and how it is written


class Case:
    """One folder of reference files, with the random numbers that belong to it."""

    def __init__(self, folder, name, seed, attempt):
        self.folder, self.name, self.seed = folder / name / f"seed-{seed}", name, seed
        self.random = np.random.default_rng([zlib.crc32(name.encode()), seed, attempt])
        self.facts = {"case": name, "seed": seed, "attempt": attempt}

    def normal(self, shape, scale=1.0):
        return torch.from_numpy(np.asarray(self.random.normal(size=tuple(shape)) * scale)).float()

    def choose(self, *options):
        return options[self.random.integers(len(options))]

    def tokens(self, count, vocabulary):
        """Token ids [1, count] above the special ones and below the image token."""
        return torch.from_numpy(self.random.integers(4, vocabulary - 1, size=(1, count)))

    def write_model(self, model):
        """Writes the model, before any adapter changes it, and begins the folder anew."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        model.save_pretrained(self.folder / "model")
        return model

    def write_adapter(self, adapted):
        """Writes the adapter without PEFT's model card.

        target_modules is a set whose order changes from run to run: it is sorted here.
        """
        folder = self.folder / "adapter"
        adapted.save_pretrained(folder)
        for readme in folder.rglob("README.md"):
            readme.unlink()
        for path in folder.rglob("adapter_config.json"):
            config = json.loads(path.read_text())
            if isinstance(config["target_modules"], list):
                config["target_modules"].sort()
            path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
        return adapted

    def write_numbers(self, inputs, expected, **facts):
        save_file(inputs, self.folder / "inputs.safetensors")
        save_file(
            {k: v.detach().clone().contiguous() for k, v in expected.items()},
            self.folder / "expected.safetensors",
        )
        self.facts |= facts | {
            "versions": {m.__name__: m.__version__ for m in (torch, transformers, peft, np)}
        }
        (self.folder / "case.json").write_text(json.dumps(self.facts, indent=2) + "\n")


def fill(case, model):
    """Gives every parameter random values of a size that suits its place, and writes the model."""
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = case.normal(parameter.shape)
            leaf = name.rsplit(".", 1)[-1]
            if parameter.ndim == 0:
                parameter.fill_(1.5)  # the temperature of CLIP
            elif parameter.ndim == 1 and leaf != "bias":
                parameter.copy_(1 + 0.25 * noise)  # norm weights, layer scale
            elif leaf == "bias":
                parameter.copy_(0.15 * noise)
            elif "embed_tokens" in name:
                parameter.copy_(0.25 * noise)
            elif "embeddings" in name and "projection" not in name and "patch_" not in name:
                parameter.copy_(0.4 * noise)  # class token, mask token, positions
            else:
                parameter.copy_(noise / parameter[0].numel() ** 0.5)
    return case.write_model(model.float().eval())


def file_names(model, file_name):
    """The name of each trainable parameter in the file that save_pretrained writes.

    Parameter number n is filled with the value n while the model is saved once into a scratch
    folder, so the values read back say which is which, whatever renaming happens on the way.
    """
    named = [(k, p) for k, p in model.named_parameters() if p.requires_grad]
    kept = [p.detach().clone() for _, p in named]
    with torch.no_grad(), tempfile.TemporaryDirectory() as scratch:
        for number, (_, parameter) in enumerate(named, start=1):
            parameter.fill_(number)
        model.save_pretrained(scratch)
        stored = load_file(Path(scratch) / file_name)
        for (_, parameter), values in zip(named, kept):
            parameter.copy_(values)
    found = {}
    for key, tensor in stored.items():
        number = int(tensor.flatten()[0])
        if 1 <= number <= len(named) and bool((tensor == number).all()):
            found[named[number - 1][0]] = key
    missing = [k for k, _ in named if k not in found]
    assert not missing, f"not in {file_name}: {missing}"
    return found


def gradients(model, file_name, keep=lambda name: True):
    """Gradients under file names; parameters that the loss does not reach have none."""
    names = file_names(model, file_name)
    return {
        f"grad.{names[k]}": p.grad
        for k, p in model.named_parameters()
        if p.requires_grad and p.grad is not None and keep(names[k])
    }


def continue_greedily(model, inputs, prompt):
    """The ids [1, GREEDY_TOKENS] that follow the first `prompt` inputs, by argmax alone."""
    given = {
        k: v if k in ("pixel_values", "image_sizes", "image_grid_thw") else v[:, :prompt]
        for k, v in inputs.items()
        if k != "labels"
    }
    output = model.generate(
        **given,
        max_new_tokens=GREEDY_TOKENS,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
        return_dict_in_generate=True,
        output_logits=True,
    )
    for logits in output.logits:
        best = logits.topk(2, dim=-1).values
        if (best[:, 0] - best[:, 1]).min() < GREEDY_MARGIN:
            raise TooClose
    return output.sequences[:, prompt:]


class TooClose(Exception):
    """Two tokens are nearly equally likely: another draw of the weights is taken."""


# MARK: Configurations


def llama_config(case, heads, kv_heads, head_dim, hidden, tied, **more):
    return transformers.LlamaConfig(
        vocab_size=case.choose(96, 104),
        hidden_size=hidden,
        intermediate_size=case.choose(28, 36),
        num_hidden_layers=2,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        head_dim=head_dim,
        max_position_embeddings=256,
        rms_norm_eps=case.choose(1e-5, 1e-6),
        rope_parameters={
            "rope_type": "default",
            "rope_theta": case.choose(10000.0, 100000.0, 500000.0),
        },
        tie_word_embeddings=tied,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=3,
        **more,
    )


def dinov2_config(case, layers=3):
    return transformers.Dinov2Config(
        hidden_size=24,
        num_hidden_layers=layers,
        num_attention_heads=case.choose(2, 3),
        mlp_ratio=2,
        image_size=20,
        patch_size=5,
        layerscale_value=1.0,
    )


# What the small decoders of all families share, apart from what a case says of its own.
SMALL = {
    "hidden_size": 16,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 3,
}


def small_config(case, family, **more):
    """The configuration of a small decoder, CLASSES[family] being its class without "Config"."""
    settings = SMALL | {"vocab_size": case.choose(56, 60), "rms_norm_eps": 1e-5}
    return getattr(transformers, CLASSES[family] + "Config")(**(settings | more))


CLASSES = {
    "llama": "Llama",
    "mistral": "Mistral",
    "qwen2": "Qwen2",
    "qwen3": "Qwen3",
    "gemma": "Gemma",
    "gemma2": "Gemma2",
    "phi3": "Phi3",
}


def rope(kind, **more):
    return {"rope_type": kind, "rope_theta": 10000.0, **more}


def phi3_rope(case):
    factors = lambda: [float(f) for f in 1 + np.abs(case.random.normal(size=4)).round(3)]
    return {
        "original_max_position_embeddings": 8,
        "rope_parameters": rope("longrope", short_factor=factors(), long_factor=factors()),
    }


# MARK: Decoders


def llama(case, heads, kv_heads, head_dim, hidden, tied, gradients_of="layers.1.", **more):
    config = llama_config(case, heads, kv_heads, head_dim, hidden, tied, **more)
    decoder(case, transformers.LlamaForCausalLM(config), gradients_of)


def small_decoder(case, family, gradients_of="layers.1.", prompt=6, **more):
    config = small_config(case, family, **more)
    config._attn_implementation = "eager"
    model = getattr(transformers, CLASSES[family] + "ForCausalLM")(config)
    decoder(case, model, gradients_of, prompt)


def decoder(case, model, gradients_of, prompt=6):
    model, config = fill(case, model), model.config
    ids = case.tokens(14, config.vocab_size)
    labels = ids.clone()
    labels[:, :4] = -100
    labels[:, 9] = -100
    output = model(input_ids=ids, labels=labels, output_hidden_states=True)
    output.loss.backward()
    case.write_numbers(
        {"input_ids": ids, "labels": labels},
        {
            "logits": output.logits,
            "loss": output.loss.reshape(1),
            "hidden.0": output.hidden_states[0],
            "hidden.last": output.hidden_states[-1],
            "greedy_ids": continue_greedily(model, {"input_ids": ids}, prompt),
            **gradients(model, "model.safetensors", lambda name: gradients_of in name),
        },
        kind="decoder",
        greedy_prompt_length=prompt,
    )


# MARK: Image encoders


def dinov2(case, sizes=((20, 20),), batch=2):
    encoder(case, transformers.Dinov2Model, dinov2_config(case), sizes, batch)


def small_encoder_config(case, family):
    heads = case.choose(2, 3)
    if family == "dinov2_with_registers":
        return transformers.Dinov2WithRegistersConfig(
            hidden_size=heads * 8,
            num_hidden_layers=2,
            num_attention_heads=heads,
            mlp_ratio=2,
            image_size=20,
            patch_size=5,
            layerscale_value=1.0,
            num_register_tokens=case.choose(2, 3),
        )
    settings = {
        "hidden_size": heads * 8,
        "intermediate_size": case.choose(20, 28),
        "num_hidden_layers": 2,
        "num_attention_heads": heads,
        "image_size": 20,
        "patch_size": 5,
    }
    if family == "clip":
        return transformers.CLIPVisionConfig(**settings, projection_dim=12)
    return transformers.SiglipVisionConfig(**settings)


ENCODERS = {
    "clip": transformers.CLIPVisionModel,
    "siglip": transformers.SiglipVisionModel,
    "dinov2_with_registers": transformers.Dinov2WithRegistersModel,
}
SIZES = ((20, 20), (30, 35), (15, 10))


def small_encoder(case, family):
    config = small_encoder_config(case, family)
    interpolation = {} if "dinov2" in family else {"interpolate_pos_encoding": True}
    encoder(case, ENCODERS[family], config, SIZES, batch=1, **interpolation)


def encoder(case, model_class, config, sizes, batch, **others):
    """The outputs at the configured size (height, width), last_hidden_state.HxW at others."""
    config._attn_implementation = "eager"
    model = fill(case, model_class(config))
    inputs, expected = {}, {}
    for height, width in sizes:
        pixels = case.normal((batch, 3, height, width))
        if (height, width) != (config.image_size, config.image_size):
            with torch.no_grad():
                output = model(pixels, **others)
            inputs[f"pixel_values.{height}x{width}"] = pixels
            expected[f"last_hidden_state.{height}x{width}"] = output.last_hidden_state
            continue
        with torch.no_grad():
            output = model(pixels, output_hidden_states=True, output_attentions=True)
        inputs["pixel_values"] = pixels
        expected |= {
            "last_hidden_state": output.last_hidden_state,
            "hidden.penultimate": output.hidden_states[-2],
            "attention.penultimate": output.attentions[-2],
            "attention.last": output.attentions[-1],
            "pooler_output": output.pooler_output,
        }
    case.write_numbers(inputs, expected, kind="encoder", sizes=sizes)


# MARK: Dual encoders


def dual(case, family):
    vision = small_encoder_config(case, family)
    text = {
        "hidden_size": vision.hidden_size,
        "intermediate_size": 20,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "vocab_size": 60,
        "max_position_embeddings": 9,
    }
    if family == "clip":
        # 2 stands for the highest token, in old files; any other number for itself.
        end = 2 if case.seed == 1 else 57
        # As many tokens as the tokenizer of Tests/Fixtures/tokenizers/clip has, for the command.
        text["vocab_size"] = 602 if case.seed == 1 else 60
        text |= {"hidden_size": 16, "eos_token_id": end, "bos_token_id": 1, "pad_token_id": 3}
        config = transformers.CLIPConfig(
            vision_config=vision.to_dict(), text_config=text, projection_dim=14
        )
        model = fill(case, transformers.CLIPModel(config))
    else:
        text |= {"projection_size": vision.hidden_size, "pad_token_id": 1}
        config = transformers.SiglipConfig(vision_config=vision.to_dict(), text_config=text)
        model = fill(case, transformers.SiglipModel(config))
    length = 7 if family == "clip" else 9
    ids = torch.from_numpy(case.random.integers(4, 56, size=(3, length)))
    if family == "clip":
        ids[:, -1] = 57
        ids[1, 4:] = torch.tensor([57, 3, 3])
    inputs = {"input_ids": ids, "pixel_values": case.normal((2, 3, 20, 20))}
    with torch.no_grad():
        output = model(**inputs)
    names = ("logits_per_image", "image_embeds", "text_embeds")
    case.write_numbers(inputs, {name: getattr(output, name) for name in names}, kind="dual")


# MARK: Vision-language models


def llava_model(case, strategy, layer, tied, vision_layers):
    vision = dinov2_config(case, vision_layers)
    text = llama_config(case, 4, 2, 8, 28, tied)
    return join(case, vision, text, strategy, layer, tied)


def join(case, vision, text, strategy, layer, tied):
    """LLaVA; "default" drops the first token, whatever it is."""
    prefix = {"siglip_vision_model": 0, "clip_vision_model": 1, "dinov2": 1}.get(vision.model_type)
    if prefix is None:
        prefix = 1 + vision.num_register_tokens
    config = transformers.LlavaConfig(
        vision_config=vision.to_dict(),
        text_config=text.to_dict(),
        image_token_index=text.vocab_size - 1,
        image_seq_length=16 + prefix - (strategy == "default"),
        projector_hidden_act="gelu",
        vision_feature_select_strategy=strategy,
        vision_feature_layer=layer,
        tie_word_embeddings=tied,
    )
    config._attn_implementation = "eager"
    return fill(case, transformers.LlavaForConditionalGeneration(config))


def llava_inputs(case, config, images=1):
    """A few words, for each image its placeholders and two words, and more words."""
    placeholders = torch.full((1, config.image_seq_length), config.image_token_index)
    pieces = [case.tokens(3, config.text_config.vocab_size)]
    for _ in range(images):
        pieces += [placeholders, case.tokens(2, config.text_config.vocab_size)]
    prompt = sum(p.shape[1] for p in pieces)
    ids = torch.cat([*pieces, case.tokens(6, config.text_config.vocab_size)], dim=1)
    labels = ids.clone()
    labels[:, :prompt] = -100
    size = config.vision_config.image_size
    inputs = {
        "input_ids": ids,
        "labels": labels,
        "attention_mask": torch.ones_like(ids),
        "pixel_values": case.normal((images, 3, size, size)),
    }
    return inputs, prompt


def llava(
    case, strategy="default", layer=-2, images=1, vision_layers=2, gradients_of="projector"
):
    model = llava_model(case, strategy, layer, case.seed % 2 == 0, vision_layers)
    vision_language(case, model, images, gradients_of)


def small_llava(case, vision, family, strategy="default", layer=-2, gradients_of="projector", **more):
    text = small_config(case, family, **more)
    vision = small_encoder_config(case, vision)
    tied = getattr(text, "tie_word_embeddings", False)
    vision_language(case, join(case, vision, text, strategy, layer, tied), 1, gradients_of)


def half_llava(case, vision, dtype):
    """A file of 16-bit numbers, computed with in float32."""
    strategy = "full" if vision == "siglip" else "default"
    model = join(
        case, small_encoder_config(case, vision), small_config(case, "llama"), strategy,
        [-3, -1] if case.seed == 1 else [-2], False,
    ).to(dtype)
    case.write_model(model)
    # Read back, as a conversion in memory would round the frequencies of the positions, too.
    read = type(model).from_pretrained(
        case.folder / "model", dtype=torch.float32, attn_implementation="eager"
    )
    vision_language(case, read.eval(), 1, "projector")


def vision_language(case, model, images, gradients_of):
    inputs, prompt = llava_inputs(case, model.config, images)
    output = model(**inputs)
    output.loss.backward()
    features = output.image_hidden_states
    case.write_numbers(
        inputs,
        {
            "logits": output.logits,
            "loss": output.loss.reshape(1),
            "image_features": features.reshape(-1, features.shape[-1]),
            "greedy_ids": continue_greedily(model, inputs, prompt),
            **gradients(model, "model.safetensors", lambda name: gradients_of in name),
        },
        kind="vision-language",
        greedy_prompt_length=prompt,
    )


def write_vision_language(case, model, inputs, prompt, gradients_of, features=None):
    output = model(**inputs)
    output.loss.backward()
    features = output.image_hidden_states if features is None else features
    if isinstance(features, (list, tuple)):
        features = torch.cat(features)
    case.write_numbers(
        inputs,
        {
            "logits": output.logits,
            "loss": output.loss.reshape(1),
            "image_features": features.reshape(-1, features.shape[-1]),
            "greedy_ids": continue_greedily(model, inputs, prompt),
            **gradients(model, "model.safetensors", lambda name: gradients_of in name),
        },
        kind="vision-language",
        greedy_prompt_length=prompt,
    )


def with_placeholders(case, runs, image_token, vocabulary, answer=5):
    """A few words, each run of placeholders with a word after it, and an answer, with its labels."""
    pieces = [case.tokens(2, vocabulary)]
    for run in runs:
        pieces += [torch.full((1, run), image_token), case.tokens(1, vocabulary)]
    prompt = sum(p.shape[1] for p in pieces)
    ids = torch.cat([*pieces, case.tokens(answer, vocabulary)], dim=1)
    labels = ids.clone()
    labels[:, :prompt] = -100
    return {"input_ids": ids, "labels": labels, "attention_mask": torch.ones_like(ids)}, prompt


def llava_next_model(case, strategy="default", vision="clip"):
    text = small_config(case, "llama")
    vision = small_encoder_config(case, vision)
    config = transformers.LlavaNextConfig(
        vision_config=vision.to_dict(),
        text_config=text.to_dict(),
        image_token_index=text.vocab_size - 1,
        image_grid_pinpoints=[[20, 40], [40, 20], [40, 40], [20, 60]],
        vision_feature_select_strategy=strategy,
        vision_feature_layer=-1,
    )
    config._attn_implementation = "eager"
    return fill(case, transformers.LlavaNextForConditionalGeneration(config))


def llava_next_inputs(case, model, sizes):
    from transformers.models.llava_next.modeling_llava_next import image_size_to_num_patches

    config = model.config
    tiles = [image_size_to_num_patches(s, config.image_grid_pinpoints, 20) for s in sizes]
    pixels = case.normal((len(sizes), max(tiles), 3, 20, 20))
    for picture, count in enumerate(tiles):
        pixels[picture, count:] = 0
    with torch.no_grad():
        features = model.model.get_image_features(
            pixel_values=pixels,
            image_sizes=torch.tensor(sizes),
            vision_feature_layer=-1,
            vision_feature_select_strategy=config.vision_feature_select_strategy,
        ).pooler_output
    runs = [f.shape[0] for f in features]
    vocabulary = config.text_config.vocab_size
    inputs, prompt = with_placeholders(case, runs, vocabulary - 1, vocabulary)
    inputs |= {"pixel_values": pixels, "image_sizes": torch.tensor(sizes)}
    return inputs, prompt


def llava_next(case, sizes, strategy="default", vision="clip"):
    model = llava_next_model(case, strategy, vision)
    inputs, prompt = llava_next_inputs(case, model, sizes)
    write_vision_language(case, model, inputs, prompt, "image_newline")


def paligemma(case, family="gemma", **more):
    text = small_config(case, family, head_dim=12, **more)
    vision = small_encoder_config(case, "siglip").to_dict()
    config = transformers.PaliGemmaConfig(
        vision_config={**vision, "projection_dim": 16, "vision_use_head": False},
        text_config=text.to_dict(),
        projection_dim=16,
        hidden_size=16,
        image_token_index=text.vocab_size - 1,
    )
    config._attn_implementation = "eager"
    model = fill(case, transformers.PaliGemmaForConditionalGeneration(config))
    inputs, prompt = with_placeholders(case, [16], text.vocab_size - 1, text.vocab_size)
    types = torch.zeros_like(inputs["input_ids"])
    types[:, prompt:] = 1
    inputs |= {"token_type_ids": types, "pixel_values": case.normal((1, 3, 20, 20))}
    write_vision_language(case, model, inputs, prompt, "projector")


def idefics3_model(case):
    text = small_config(case, "llama", tie_word_embeddings=case.seed % 2 == 0)
    vision = {
        "hidden_size": 16,
        "intermediate_size": 20,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 16,
        "patch_size": 4,
        "hidden_act": "gelu_pytorch_tanh",
    }
    config = transformers.Idefics3Config(
        vision_config=vision,
        text_config=text.to_dict(),
        scale_factor=2,
        image_token_id=text.vocab_size - 1,
        tie_word_embeddings=case.seed % 2 == 0,
        pad_token_id=3,
    )
    config._attn_implementation = "eager"
    return fill(case, transformers.Idefics3ForConditionalGeneration(config))


def idefics3_inputs(case, model, images=2):
    vocabulary = model.config.text_config.vocab_size
    # Seed 2 has smaller pictures than the configured ones.
    height, width = (16, 16) if case.seed == 1 else (8, 8)
    run = height * width // 64
    inputs, prompt = with_placeholders(case, [run] * images, vocabulary - 1, vocabulary)
    inputs["pixel_values"] = case.normal((1, images, 3, height, width))
    return inputs, prompt


def idefics3(case):
    model = idefics3_model(case)
    inputs, prompt = idefics3_inputs(case, model)
    write_vision_language(case, model, inputs, prompt, "modality_projection")


def qwen2_vl_config(case, vocabulary, image_token, second=False):
    """Heads whose channels turn by three axes, two of them in one pair of channels each."""
    vision = {
        "depth": 2,
        "num_heads": 2,
        "patch_size": 5,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    }
    if second:
        # Windows of two by two tokens in the first block.
        vision |= {
            "hidden_size": 16,
            "out_hidden_size": 16,
            "intermediate_size": 20,
            "window_size": 20 + case.choose(0, 7),
            "fullatt_block_indexes": [1],
        }
    else:
        vision |= {"embed_dim": 16, "hidden_size": 16, "mlp_ratio": 2}
    kind = transformers.Qwen2_5_VLConfig if second else transformers.Qwen2VLConfig
    return kind(
        vision_config=vision,
        text_config=SMALL
        | {
            "vocab_size": vocabulary,
            "rms_norm_eps": case.choose(1e-5, 1e-6),
            "max_position_embeddings": 512,
            "num_key_value_heads": 1,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": case.choose(10000.0, 1000000.0),
                "mrope_section": case.choose([2, 1, 1], [1, 1, 2]),
            },
        },
        image_token_id=image_token,
        video_token_id=vocabulary - 2,
        tie_word_embeddings=case.seed % 2 == 0,
    )


def qwen2_vl_model(case, second=False):
    vocabulary = case.choose(56, 60)
    config = qwen2_vl_config(case, vocabulary, vocabulary - 1, second)
    config._attn_implementation = "eager"
    kind = "Qwen2_5_VL" if second else "Qwen2VL"
    return fill(case, getattr(transformers, kind + "ForConditionalGeneration")(config))


def qwen2_vl_inputs(case, model, grids):
    """Pictures of several sizes, whose two frames differ."""
    token, vocabulary = model.config.image_token_id, model.config.text_config.vocab_size
    inputs, prompt = with_placeholders(
        case, [h * w // 4 for h, w in grids], token, vocabulary - 1
    )
    patches = sum(h * w for h, w in grids)
    return inputs | {
        "mm_token_type_ids": (inputs["input_ids"] == token).long(),
        "pixel_values": case.normal((patches, 3 * 2 * 5 * 5)),
        "image_grid_thw": torch.tensor([[1, h, w] for h, w in grids]),
    }, prompt


def image_features(model, inputs):
    keys = ("pixel_values", "image_grid_thw")
    with torch.no_grad():
        found = model.model.get_image_features(**{k: inputs[k] for k in keys}).pooler_output
    return torch.cat(list(found))


def qwen2_vl(case, grids, second=False):
    model = qwen2_vl_model(case, second)
    inputs, prompt = qwen2_vl_inputs(case, model, grids)
    features = image_features(model, inputs)
    write_vision_language(case, model, inputs, prompt, "visual.", features)


# MARK: Adapters

LLAMA_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def adapter_config(method=peft.LoraConfig, **settings):
    standard = {"task_type": "CAUSAL_LM"}
    if method is peft.LoraConfig:
        standard |= {"r": 4, "lora_alpha": 10}
    return method(**(standard | settings))


def move(case, adapted):
    """Moves every trainable parameter off its starting value."""
    with torch.no_grad():
        for name, parameter in sorted(adapted.named_parameters()):
            if not parameter.requires_grad:
                continue
            if "lora_A" in name:
                parameter.copy_(case.normal(parameter.shape, parameter.shape[-1] ** -0.5))
            else:
                parameter.add_(case.normal(parameter.shape, 0.12))


def adapt(case, model, **settings):
    """Wraps the model in an adapter and writes it."""
    adapted = peft.get_peft_model(model, adapter_config(**settings))
    move(case, adapted)
    return case.write_adapter(adapted.eval())


def adapted_outputs(adapted, inputs):
    output = adapted(**inputs)
    output.loss.backward()
    count = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    expected = {
        "logits": output.logits,
        "loss": output.loss.reshape(1),
        "trainable_parameters": torch.tensor([count]),
        **gradients(adapted, "adapter_model.safetensors"),
    }
    return output, expected


def llama_adapter(case, base=None, **settings):
    tied = case.seed % 2 == 1
    config = llama_config(case, 4, 2, 8, 24, tied, **(base or {}))
    adapted = adapt(case, fill(case, transformers.LlamaForCausalLM(config)), **settings)
    ids = case.tokens(12, config.vocab_size)
    labels = ids.clone()
    labels[:, :4] = -100
    inputs = {"input_ids": ids, "labels": labels}
    _, expected = adapted_outputs(adapted, inputs)
    prompt = 6
    expected["greedy_ids"] = continue_greedily(adapted, inputs, prompt)
    case.write_numbers(inputs, expected, kind="decoder", greedy_prompt_length=prompt)


def several_adapters(case, **settings):
    """Two named adapters, with the logits of each, of both, and of mixtures of the two."""
    config = llama_config(case, 4, 2, 8, 24, tied=False)
    model = fill(case, transformers.LlamaForCausalLM(config))
    adapted = peft.get_peft_model(
        model, adapter_config(target_modules=["q_proj", "v_proj", "down_proj"])
    )
    move(case, adapted)
    adapted.add_adapter(
        "second", adapter_config(target_modules=["q_proj", "up_proj", "embed_tokens"], lora_alpha=3)
    )
    adapted.set_adapter("second")
    move(case, adapted)
    case.write_adapter(adapted.eval())
    ids = case.tokens(12, config.vocab_size)
    expected = {}

    def add(name, active):
        adapted.base_model.set_adapter(active)
        expected[name] = adapted(input_ids=ids).logits

    add("logits.default", "default")
    add("logits.second", "second")
    add("logits.both", ["default", "second"])
    for kind, weights, more in (
        ("linear", [0.7, -0.4], {}),
        ("cat", [0.7, -0.4], {}),
        ("svd", [0.5, 1.5], {}),
        ("svd", [0.5, 1.5], {"svd_rank": 2}),
    ):
        name = "-".join([kind, *(str(v) for v in more.values())])
        adapted.add_weighted_adapter(
            ["default", "second"], weights, name, combination_type=kind, **more
        )
        add(f"logits.{name}", name)
    case.write_numbers({"input_ids": ids}, expected, kind="decoder", weights="see the script")


def mlx_adapter(case):
    """An adapter in the last layer alone, also as mlx-lm keeps it: transposed, with one scale."""
    llama_adapter(
        case,
        target_modules=["q_proj", "down_proj"],
        layers_to_transform=[1],
        lora_alpha=7,
    )
    peft_tensors = load_file(case.folder / "adapter" / "adapter_model.safetensors")
    folder = case.folder / "mlx"
    folder.mkdir()
    tensors = {
        key.removeprefix("base_model.model.")
        .replace(".lora_A.weight", ".lora_a")
        .replace(".lora_B.weight", ".lora_b"): value.T.contiguous()
        for key, value in peft_tensors.items()
    }
    save_file(tensors, folder / "adapters.safetensors", metadata={"format": "mlx"})
    config = {
        "fine_tune_type": "lora",
        "num_layers": 1,
        "lora_parameters": {
            "rank": 4,
            "scale": 7 / 4,
            "dropout": 0.0,
            "keys": ["self_attn.q_proj", "mlp.down_proj"],
        },
        "iters": 100,
        "model": "somewhere/llama",
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=4) + "\n")


def llava_adapter(case, **settings):
    model = llava_model(case, "default", -2, case.seed % 2 == 1, 2)
    adapted = adapt(case, model, **settings)
    inputs, prompt = llava_inputs(case, model.config)
    output, expected = adapted_outputs(adapted, inputs)
    features = output.image_hidden_states
    expected["image_features"] = features.reshape(-1, features.shape[-1])
    expected["greedy_ids"] = continue_greedily(adapted, inputs, prompt)
    case.write_numbers(inputs, expected, kind="vision-language", greedy_prompt_length=prompt)


def picture_adapter(case, build, inputs_of, features_of, **settings):
    """LoRA on every linear layer of another kind of model: encoder, projector and decoder."""
    model = build(case)
    adapted = adapt(case, model, target_modules="all-linear", **settings)
    inputs, prompt = inputs_of(case, model)
    output, expected = adapted_outputs(adapted, inputs)
    features = features_of(adapted.base_model.model, inputs, output)
    expected["image_features"] = features.reshape(-1, features.shape[-1])
    expected["greedy_ids"] = continue_greedily(adapted, inputs, prompt)
    case.write_numbers(inputs, expected, kind="vision-language", greedy_prompt_length=prompt)


# MARK: The list

MODELS = {
    "llama-tied": lambda case: llama(case, 4, 2, 8, 32, tied=True, gradients_of=""),
    # One key-value head, and heads wider than hidden / heads.
    "llama-untied": lambda case: llama(case, 3, 1, 12, 24, tied=False),
    # As many key-value heads as heads, and biases.
    "llama-biased": lambda case: llama(
        case, 3, 3, 8, 24, tied=False, attention_bias=True, mlp_bias=True
    ),
    "llama3-rope": lambda case: small_decoder(
        case,
        "llama",
        rope_parameters=rope(
            "llama3",
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=32,
        ),
        gradients_of="layers.1.self_attn",
    ),
    "llama-linear-rope": lambda case: small_decoder(
        case, "llama", rope_parameters=rope("linear", factor=2.5), gradients_of="k_proj"
    ),
    # The 14 tokens are more than the context, so the frequencies change on the way.
    "llama-dynamic-rope": lambda case: small_decoder(
        case,
        "llama",
        max_position_embeddings=8,
        rope_parameters=rope("dynamic", factor=2.0),
        gradients_of="k_proj",
    ),
    "llama-yarn": lambda case: small_decoder(
        case,
        "llama",
        head_dim=16,
        rope_parameters=rope(
            "yarn", factor=4.0, beta_fast=4.0, original_max_position_embeddings=16
        ),
        gradients_of="k_proj",
    ),
    "mistral": lambda case: small_decoder(
        case, "mistral", sliding_window=5, tie_word_embeddings=case.seed % 2 == 0
    ),
    # The second layer has a window.
    "qwen2": lambda case: small_decoder(
        case,
        "qwen2",
        use_sliding_window=True,
        sliding_window=4,
        max_window_layers=1,
        tie_word_embeddings=case.seed % 2 == 0,
    ),
    "qwen3": lambda case: small_decoder(
        case, "qwen3", head_dim=12, tie_word_embeddings=case.seed % 2 == 1
    ),
    "gemma": lambda case: small_decoder(case, "gemma", head_dim=12),
    # Caps so low that they bend every score and logit.
    "gemma2": lambda case: small_decoder(
        case,
        "gemma2",
        gradients_of="",
        head_dim=12,
        query_pre_attn_scalar=10,
        sliding_window=5,
        attn_logit_softcapping=1.5,
        final_logit_softcapping=4.0,
    ),
    "phi3": lambda case: small_decoder(case, "phi3", sliding_window=6),
    "phi3-long": lambda case: small_decoder(
        case, "phi3", prompt=10, gradients_of="qkv_proj", **phi3_rope(case)
    ),
    "phi3-partial": lambda case: small_decoder(
        case,
        "phi3",
        gradients_of="qkv_proj",
        rope_parameters=rope("default", partial_rotary_factor=0.75),
    ),
    "dinov2": dinov2,
    "clip": lambda case: small_encoder(case, "clip"),
    "siglip": lambda case: small_encoder(case, "siglip"),
    "dinov2-registers": lambda case: small_encoder(case, "dinov2_with_registers"),
    "dual-clip": lambda case: dual(case, "clip"),
    "dual-siglip": lambda case: dual(case, "siglip"),
    # Larger, smaller, and not square: the position embeddings are resampled.
    "dinov2-interpolated": lambda case: dinov2(
        case, ((20, 20), (35, 35), (15, 15), (20, 30), (10, 40), (32, 23)), batch=1
    ),
    "llava": lambda case: llava(
        case, vision_layers=3, gradients_of="" if case.seed == 1 else "projector"
    ),
    "llava-full": lambda case: llava(case, "full", -1),
    "llava-two-images": lambda case: llava(case, images=2),
    "llava-clip-gemma2": lambda case: small_llava(
        case,
        "clip",
        "gemma2",
        layer=[-2, -1],
        head_dim=12,
        query_pre_attn_scalar=10,
        sliding_window=9,
        final_logit_softcapping=4.0,
    ),
    "llava-siglip-qwen2": lambda case: small_llava(case, "siglip", "qwen2", "full", -1),
    # Wide, high and square pictures: two tiles, two, four, and three.
    "llava-next": lambda case: llava_next(case, [(17, 30), (50, 22)]),
    "llava-next-siglip": lambda case: llava_next(
        case, [(33, 35), (19, 70)], strategy="full", vision="siglip"
    ),
    "paligemma": paligemma,
    "paligemma-windows": lambda case: paligemma(
        case, "gemma2", query_pre_attn_scalar=10, sliding_window=7
    ),
    "idefics3": idefics3,
    # Square, wide and high pictures.
    "qwen2-vl": lambda case: qwen2_vl(case, [(4, 4), (2, 6)] if case.seed == 1 else [(6, 2), (2, 2)]),
    "qwen2.5-vl": lambda case: qwen2_vl(
        case, [(6, 10), (2, 4)] if case.seed == 1 else [(8, 4), (6, 6)], second=True
    ),
    # Files of 16 bits, and several feature layers.
    "llava-siglip-float16": lambda case: half_llava(case, "siglip", torch.float16),
    "llava-clip-bfloat16": lambda case: half_llava(case, "clip", torch.bfloat16),
    "llava-registers-phi3": lambda case: small_llava(case, "dinov2_with_registers", "phi3"),
}

ADAPTERS = {
    "lora": lambda case: llama_adapter(case, target_modules=LLAMA_LINEAR),
    "lora-rslora": lambda case: llama_adapter(
        case, target_modules=["q_proj", "v_proj", "down_proj"], use_rslora=True, r=3
    ),
    "lora-patterns": lambda case: llama_adapter(
        case,
        target_modules=LLAMA_LINEAR,
        rank_pattern={"v_proj": 2, r"layers\.1\.mlp\.(up|gate)_proj": 6},
        alpha_pattern={"q_proj": 5, "layers.1.mlp.up_proj": 3},
    ),
    "lora-rslora-patterns": lambda case: llama_adapter(
        case,
        target_modules="all-linear",
        use_rslora=True,
        rank_pattern={"model.layers.0.self_attn.q_proj": 2},
        alpha_pattern={"o_proj": 7},
    ),
    "lora-layers": lambda case: llama_adapter(
        case, target_modules=["q_proj", "up_proj"], layers_to_transform=[1], layers_pattern="layers"
    ),
    "lora-bias": lambda case: llama_adapter(
        case,
        base={"attention_bias": True, "mlp_bias": True},
        target_modules=["q_proj", "up_proj"],
        bias="lora_only",
    ),
    # All biases of the model, and one layer less than the targets name.
    "lora-bias-all": lambda case: llama_adapter(
        case,
        base={"attention_bias": True, "mlp_bias": True},
        target_modules=["q_proj", "up_proj"],
        exclude_modules=["layers.0.self_attn.q_proj"],
        bias="all",
    ),
    "lora-own-bias": lambda case: llama_adapter(
        case,
        base={"attention_bias": True, "mlp_bias": True},
        target_modules=["q_proj", "down_proj"],
        lora_bias=True,
        modules_to_save=["norm"],
    ),
    "lora-embedding": lambda case: llama_adapter(
        case, target_modules=["q_proj", "embed_tokens"], use_rslora=True
    ),
    "lora-tokens": lambda case: llama_adapter(
        case, target_modules=["v_proj"], trainable_token_indices=list(range(3, 60, 2))
    ),
    "dora": lambda case: llama_adapter(
        case,
        base={"attention_bias": True},
        target_modules=LLAMA_LINEAR,
        use_dora=True,
        lora_dropout=0.1,
        rank_pattern={"v_proj": 2},
        bias="lora_only",
    ),
    # The table and the head, which are tied in the first seed: each keeps its own term.
    "lora-head": lambda case: llama_adapter(
        case, target_modules=["q_proj", "lm_head"], rank_pattern={"lm_head": 3}
    ),
    "dora-embedding": lambda case: llama_adapter(
        case, target_modules=["v_proj", "embed_tokens", "lm_head"], use_dora=True
    ),
    "lora-several": several_adapters,
    "lora-mlx": mlx_adapter,
    "ia3": lambda case: llama_adapter(
        case,
        base={"attention_bias": True, "mlp_bias": True},
        method=peft.IA3Config,
        target_modules=["k_proj", "v_proj", "down_proj"],
        feedforward_modules=["down_proj"],
    ),
    # Every linear layer but the head: decoder, projector and image encoder.
    "llava-lora": lambda case: llava_adapter(case, target_modules="all-linear"),
    "idefics3-lora": lambda case: picture_adapter(
        case, idefics3_model, idefics3_inputs, lambda m, i, output: output.image_hidden_states
    ),
    "llava-next-lora": lambda case: picture_adapter(
        case,
        llava_next_model,
        lambda case, model: llava_next_inputs(case, model, [(17, 30), (50, 22)]),
        lambda m, i, output: output.image_hidden_states,
    ),
    "qwen2-vl-lora": lambda case: picture_adapter(
        case,
        qwen2_vl_model,
        lambda case, model: qwen2_vl_inputs(case, model, [(4, 6), (2, 2)]),
        lambda model, inputs, output: image_features(model, inputs),
    ),
    # A regular expression keeps to the decoder; the projector is trained whole.
    "llava-lora-projector": lambda case: llava_adapter(
        case,
        target_modules=r"model\.language_model\.layers\.\d+\.(self_attn|mlp)\.[a-z]+_proj",
        modules_to_save=["multi_modal_projector"],
    ),
}


def make(folder, name, build, seed):
    for attempt in itertools.count():
        try:
            return build(Case(folder, name, seed, attempt))
        except TooClose:
            continue


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path)
    parser.add_argument("--adapters", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="+")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for folder, cases in ((options.models, MODELS), (options.adapters, ADAPTERS)):
        for name, build in cases.items() if folder else ():
            if options.only and name not in options.only:
                continue
            for seed in options.seeds:
                make(folder, name, build, seed)
                print(f"{folder / name}/seed-{seed}")


if __name__ == "__main__":
    main()
