# SPDX-License-Identifier: Apache-2.0
"""Writes small vision-language models with tokenizer and image processor, and what transformers makes of
prompts with pictures.

    python make_processors.py [--output DIR] [--seeds 1 2] [--only NAME ...]

Every case is a folder, DIR/NAME/seed-N, with

    model/                 a model as transformers writes it: weights, tokenizer, image processor
    case.json              the prompts: pictures (files of Tests/Fixtures/images/seed-N), instruction,
                           style, and the system turn of a chat
    expected.safetensors   for prompt i: i.input_ids, i.logits of the last rows, i.greedy_ids

and DIR/preprocess/seed-N, with

    case.json              configurations of image processors, each with pictures
    expected.safetensors   for configuration i what its processor returns: i.pixel_values, ...
"""

import argparse
import json
import os
import shutil
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import make_models as models
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors, trainers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import (
    LlavaNextImageProcessorPil,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

HERE = Path(__file__).resolve().parent
PICTURES = HERE.parent / "Fixtures" / "images"
LAST_ROWS = 6
GREEDY_TOKENS = 6


def picture(seed, name):
    return Image.open(PICTURES / f"seed-{seed}" / name).convert("RGB")


# MARK: Tokenizers

CORPUS = [
    "a small red bird sits on a green branch\n\n",
    "Describe the picture: a blue car, a house and two cats.\n\n",
    "What is this? It is a bird.\n\n",
    "User: Which colour has the bird?\nAssistant: The bird is red.\n\n",
    "system user assistant caption en\n\n",
] * 4


def tokenizer(kind, special, template=None, **names):
    """A tokenizer of some hundred tokens, byte-level or with spaces marked as in Llama's."""
    base = ["<unk>", "<s>", "</s>", "<pad>"]
    if kind == "bytes":
        made = Tokenizer(BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
    else:
        made = Tokenizer(BPE(unk_token="<unk>"))
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        made.decoder = decoders.Metaspace(prepend_scheme="first")
    made.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=110, special_tokens=base, show_progress=False)
    )
    if kind != "bytes":
        made.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 1)]
        )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        **names,
    )
    fast.add_special_tokens({"additional_special_tokens": special})
    if template:
        fast.chat_template = template
    return fast


TEMPLATE = (
    "{% for message in messages %}{{ message['role'] | capitalize }}:"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %} {{ line['text'] }}"
    "{% elif line['type'] == 'image' %}IMAGE{% endif %}{% endfor %}\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)

# As Qwen2-VL's own asks for a list or a text, and for the keys of its items.
QWEN_TEMPLATE = (
    "{% set image_count = namespace(value=0) %}{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}<|im_start|>system\n"
    "a small assistant<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}"
    "{% for content in message['content'] %}"
    "{% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}"
    "{% set image_count.value = image_count.value + 1 %}"
    "{% if add_vision_id %}Picture {{ image_count.value }}: {% endif %}"
    "<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


# MARK: Models with processors


def without_videos(kind):
    """A processor class that does not insist on a video processor, which needs more packages."""
    return type(kind.__name__, (kind,), {"check_argument_for_proper_class": lambda *_: None})


def save(processor, folder):
    """As the processor does it where it can, else the parts, in older files' way."""
    if getattr(processor, "video_processor", True) is None:
        processor.tokenizer.save_pretrained(folder)
        processor.image_processor.save_pretrained(folder)
    else:
        processor.save_pretrained(folder)


def settings(case, vocabulary, **more):
    """The keys of a small decoder."""
    return (
        models.SMALL
        | {"vocab_size": vocabulary, "rms_norm_eps": 1e-5, "max_position_embeddings": 512}
        | more
    )


CLIP = {"resample": 3, "image_mean": [0.4, 0.5, 0.6], "image_std": [0.3, 0.25, 0.2]}


def llava(case):
    words = tokenizer("metaspace", ["<image>"])
    token = words.convert_tokens_to_ids("<image>")
    config = transformers.LlavaConfig(
        vision_config=models.small_encoder_config(case, "clip").to_dict(),
        text_config=transformers.LlamaConfig(**settings(case, len(words))).to_dict(),
        image_token_index=token,
    )
    images = CLIPImageProcessorPil(
        size={"shortest_edge": 20}, crop_size={"height": 20, "width": 20}, **CLIP
    )
    processor = transformers.LlavaProcessor(
        images, words, patch_size=5, vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    return config, transformers.LlavaForConditionalGeneration, processor, "<image>"


def llava_next(case, vision="clip", kind="bytes"):
    words = tokenizer(kind, ["<image>"], TEMPLATE.replace("IMAGE", "<image>"))
    token = words.convert_tokens_to_ids("<image>")
    grids = [[20, 40], [40, 20], [40, 40], [20, 60], [60, 20]]
    strategy = "default" if vision == "clip" else "full"
    config = transformers.LlavaNextConfig(
        vision_config=models.small_encoder_config(case, vision).to_dict(),
        text_config=transformers.LlamaConfig(**settings(case, len(words))).to_dict(),
        image_token_index=token,
        image_grid_pinpoints=grids,
        vision_feature_select_strategy=strategy,
        vision_feature_layer=-2 if vision == "clip" else -1,
    )
    images = LlavaNextImageProcessorPil(
        size={"shortest_edge": 20},
        crop_size={"height": 20, "width": 20},
        image_grid_pinpoints=grids,
        **CLIP,
    )
    processor = transformers.LlavaNextProcessor(
        images,
        words,
        patch_size=5,
        vision_feature_select_strategy=strategy,
        num_additional_image_tokens=1 if vision == "clip" else 0,
        chat_template=words.chat_template,
    )
    return config, transformers.LlavaNextForConditionalGeneration, processor, "<image>"


def idefics3(case, smol=False):
    special = ["<image>", "<fake_token_around_image>", "<end_of_utterance>", "<global-img>"]
    # Some tags are tokens, some are text.
    special += [f"<row_{r}_col_{c}>" for r in (1, 2) for c in (1, 2, 3)]
    from transformers.models.smolvlm import processing_smolvlm

    template = processing_smolvlm.DEFAULT_CHAT_TEMPLATE
    words = tokenizer(
        "bytes", special, template if smol else TEMPLATE.replace("IMAGE", "<image>")
    )
    kind = "SmolVLM" if smol else "Idefics3"
    vision = {
        "hidden_size": 16,
        "intermediate_size": 20,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 16,
        "patch_size": 4,
        "hidden_act": "gelu_pytorch_tanh",
    }
    config = getattr(transformers, kind + "Config")(
        vision_config=vision,
        text_config=transformers.LlamaConfig(**settings(case, len(words))).to_dict(),
        scale_factor=2,
        image_token_id=words.convert_tokens_to_ids("<image>"),
        pad_token_id=3,
    )
    images = (SmolVLMImageProcessorPil if smol else Idefics3ImageProcessorPil)(
        size={"longest_edge": 40}, max_image_size={"longest_edge": 16}
    )
    more = {"chat_template": words.chat_template, "image_seq_len": 4}
    if smol:
        # It is asked for by the class, and used for videos only.
        processing_smolvlm.num2words = processing_smolvlm.num2words or str
        more["video_processor"] = None
    processor = without_videos(getattr(transformers, kind + "Processor"))(images, words, **more)
    return config, getattr(transformers, kind + "ForConditionalGeneration"), processor, "<image>"


def qwen2_vl(case, second=False):
    special = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    place = "<|vision_start|><|image_pad|><|vision_end|>"
    chat = ["<|im_start|>", "<|im_end|>"]
    words = tokenizer("bytes", special + chat, QWEN_TEMPLATE)
    token = words.convert_tokens_to_ids(special[2])
    config = models.qwen2_vl_config(case, len(words), token, second)
    images = Qwen2VLImageProcessorPil(
        patch_size=5, merge_size=2, min_pixels=300, max_pixels=1600, **CLIP
    )
    kind = "Qwen2_5_VL" if second else "Qwen2VL"
    processor = without_videos(getattr(transformers, kind + "Processor"))(
        images, words, None, chat_template=words.chat_template
    )
    return config, getattr(transformers, kind + "ForConditionalGeneration"), processor, place


def paligemma(case):
    words = tokenizer("bytes", ["<image>"])
    images = SiglipImageProcessorPil(size={"height": 20, "width": 20})
    images.image_seq_length = 16
    processor = transformers.PaliGemmaProcessor(images, words)
    count = len(words)
    config = transformers.PaliGemmaConfig(
        vision_config={
            **models.small_encoder_config(case, "siglip").to_dict(),
            "projection_dim": 16,
            "vision_use_head": False,
        },
        text_config=transformers.GemmaConfig(**settings(case, count, head_dim=12)).to_dict(),
        projection_dim=16,
        hidden_size=16,
        image_token_index=words.convert_tokens_to_ids("<image>"),
    )
    return config, transformers.PaliGemmaForConditionalGeneration, processor, "<image>"


PLAIN = [
    (["wide.png"], "Describe the picture:", "plain"),
    (["tall.png"], "What is this?", "plain"),
    (["tiny.png", "wide.png"], "Which colour has the bird?", "plain"),
    ([], "What is this?", "plain"),
]
CHATS = [
    (["rgb8.png"], "What is this?", "chat"),
    (["wide.png", "tall.png"], "Describe the picture:", "chat"),
    ([], "Which colour has the bird?", "chat"),
]
CASES = {
    "llava": (llava, PLAIN[:3]),
    "llava-next": (llava_next, PLAIN + CHATS),
    "llava-next-siglip": (lambda case: llava_next(case, "siglip", "metaspace"), PLAIN),
    "idefics3": (idefics3, PLAIN + CHATS),
    "smolvlm": (lambda case: idefics3(case, smol=True), PLAIN[:3] + CHATS),
    "qwen2-vl": (qwen2_vl, PLAIN + CHATS),
    "qwen2.5-vl": (lambda case: qwen2_vl(case, second=True), PLAIN[:3] + CHATS[:1]),
    "paligemma": (paligemma, PLAIN[:2]),
}


def run(case, name):
    build, prompts = CASES[name]
    config, kind, processor, place = build(case)
    config._attn_implementation = "eager"
    model = models.fill(case, kind(config))
    save(processor, case.folder / "model")
    expected, written = {}, []
    for index, (files, instruction, style) in enumerate(prompts):
        pictures = [picture(case.seed, f) for f in files]
        system = "a bird" if style == "chat" and index % 2 else None
        if style == "chat":
            content = [{"type": "image"} for _ in files] + [{"type": "text", "text": instruction}]
            turns = [{"role": "user", "content": content}]
            if system:
                turns.insert(0, {"role": "system", "content": [{"type": "text", "text": system}]})
            text = processor.tokenizer.apply_chat_template(
                turns, add_generation_prompt=True, tokenize=False
            )
        elif name == "paligemma":
            text = place * len(files) + instruction
        else:
            text = (place + "\n") * len(files) + instruction
        inputs = processor(
            text=[text],
            images=[pictures] if pictures else None,
            add_special_tokens=style == "plain",
            return_tensors="pt",
        )
        inputs.pop("labels", None)
        output = model(**inputs)
        prompt = inputs["input_ids"].shape[1]
        greedy = model.generate(
            **inputs,
            max_new_tokens=GREEDY_TOKENS,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
            return_dict_in_generate=True,
            output_logits=True,
        )
        for logits in greedy.logits:
            best = logits.topk(2, dim=-1).values
            if (best[:, 0] - best[:, 1]).min() < models.GREEDY_MARGIN:
                raise models.TooClose
        expected |= {
            f"{index}.input_ids": inputs["input_ids"],
            f"{index}.logits": output.logits[0, -LAST_ROWS:],
            f"{index}.greedy_ids": greedy.sequences[:, prompt:],
        }
        written.append(
            {"images": files, "instruction": instruction, "style": style, "system": system}
        )
    case.facts["prompts"] = written
    case.write_numbers({"nothing": torch.zeros(1)}, expected)
    (case.folder / "inputs.safetensors").unlink()


# MARK: Image processors alone

SMALL_GRIDS = [[20, 40], [40, 20], [40, 40], [20, 60], [60, 20]]
PROCESSORS = [
    # Tiles as large as the whole, then tiles that are enlarged and cropped again.
    (
        LlavaNextImageProcessorPil,
        {
            "size": {"shortest_edge": 20},
            "crop_size": {"height": 20, "width": 20},
            "image_grid_pinpoints": SMALL_GRIDS,
        },
    ),
    (
        LlavaNextImageProcessorPil,
        {
            "size": {"height": 22, "width": 26},
            "crop_size": {"height": 20, "width": 20},
            "image_grid_pinpoints": SMALL_GRIDS[:3],
            "resample": 2,
            "image_mean": [0.1, 0.2, 0.3],
        },
    ),
    (
        Idefics3ImageProcessorPil,
        {"size": {"longest_edge": 40}, "max_image_size": {"longest_edge": 16}},
    ),
    (
        SmolVLMImageProcessorPil,
        {
            "size": {"longest_edge": 16},
            "max_image_size": {"longest_edge": 16},
            "resample": 3,
            "image_std": [0.3, 0.4, 0.5],
        },
    ),
    (
        Idefics3ImageProcessorPil,
        {
            "size": {"longest_edge": 30},
            "max_image_size": {"longest_edge": 12},
            "do_image_splitting": False,
        },
    ),
    (
        Qwen2VLImageProcessorPil,
        {"patch_size": 4, "merge_size": 2, "min_pixels": 128, "max_pixels": 900},
    ),
    (
        Qwen2VLImageProcessorPil,
        {
            "patch_size": 3,
            "merge_size": 1,
            "temporal_patch_size": 1,
            "size": {"shortest_edge": 100, "longest_edge": 300},
            "resample": 1,
        },
    ),
]
# Wide, high, tiny, one row, square or nearly so.
FILES = ["wide.png", "tall.png", "tiny.png", "line.png", "rgb8.png"]


def preprocess(folder, seed):
    folder = folder / "preprocess" / f"seed-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    expected, cases = {}, []
    for kind, options in PROCESSORS:
        processor = kind(**options)
        splits = "rows" if "Idefics3" in kind.__name__ or "Smol" in kind.__name__ else None
        more = {"return_row_col_info": True} if splits else {}
        for files in (FILES[:3], FILES[3:]):
            output = processor(
                [picture(seed, f) for f in files], return_tensors="pt", **more
            )
            index = len(cases)
            for key, value in output.items():
                value = torch.as_tensor(value)
                # Masks are all ones for the pictures of one prompt.
                if key == "pixel_attention_mask":
                    assert bool((value == 1).all())
                else:
                    expected[f"{index}.{key}"] = value.contiguous()
            cases.append({"config": json.dumps(processor.to_dict(), default=list), "images": files})
    save_file(expected, folder / "expected.safetensors")
    (folder / "case.json").write_text(
        json.dumps({"cases": cases, "transformers": transformers.__version__}, indent=1) + "\n"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=HERE.parent / "Fixtures" / "processors")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="+")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for seed in options.seeds:
        if not options.only or "preprocess" in options.only:
            preprocess(options.output, seed)
        for name in CASES:
            if not options.only or name in options.only:
                models.make(options.output, name, lambda case: run(case, name), seed)
                print(f"{options.output / name}/seed-{seed}")


if __name__ == "__main__":
    main()
