# SPDX-License-Identifier: Apache-2.0
"""One training step in PyTorch with PEFT: LoRA on all linear layers of the decoder, the projector
trained, the encoder frozen; float32, AdamW."""

import argparse

from common import measure, report, torch_with_threads

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--text-tokens", type=int, default=32)
parser.add_argument("--rank", type=int, default=8)
parser.add_argument("--text-logits", action="store_true", help="logits at text rows only")
parser.add_argument("--cached-features", action="store_true")
parser.add_argument("--encoder-lora", action="store_true")
parser.add_argument("--checkpointing", action="store_true")
parser.add_argument("--repetitions", type=int, default=2)
parser.add_argument("--warm-up", type=int, default=1)
options = parser.parse_args()

torch = torch_with_threads()
from peft import LoraConfig, get_peft_model
from transformers import LlavaForConditionalGeneration

model = LlavaForConditionalGeneration.from_pretrained(options.model, dtype=torch.float32)
layers = "q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj"
targets = rf".*language_model.*\.({layers})"
if options.encoder_lora:
    targets = rf"({targets}|.*vision_tower.*attention\.(query|value|q_proj|v_proj))"
model = get_peft_model(
    model,
    LoraConfig(
        r=options.rank,
        lora_alpha=2 * options.rank,
        target_modules=targets,
        modules_to_save=["multi_modal_projector"],
    ),
)
model.train()
if options.checkpointing:
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.enable_input_require_grads()
llava = model.get_base_model()
inner = llava.model
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=1e-4)

# Encoders with a class token may leave it out.
prefix = 0 if llava.config.vision_feature_select_strategy == "full" else 1
patches = (224 // llava.config.vision_config.patch_size) ** 2 + 1 - prefix
pixels = torch.randn(options.batch, 3, 224, 224)
image = torch.full((options.batch, patches), llava.config.image_token_index)
words = torch.randint(0, llava.config.text_config.vocab_size - 1, (options.batch, options.text_tokens))
ids = torch.cat([image, words], 1)
labels = torch.cat([torch.full_like(image, -100), words], 1)


def features():
    return inner.vision_tower(pixel_values=pixels).last_hidden_state[:, prefix:]


with torch.no_grad():
    cached = features().clone()


def embeddings():
    if options.cached_features:
        seen = cached
    elif options.encoder_lora:
        seen = features()
    else:
        with torch.no_grad():
            seen = features()
    return torch.cat(
        [inner.multi_modal_projector(seen), inner.language_model.embed_tokens(words)], 1)


def loss():
    if not options.text_logits and not options.cached_features:
        # As people write it.
        return model(input_ids=ids, pixel_values=pixels, labels=labels, use_cache=False).loss
    hidden = inner.language_model(inputs_embeds=embeddings(), use_cache=False).last_hidden_state
    if options.text_logits:
        logits = llava.lm_head(hidden[:, patches - 1 : -1])
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), words.flatten())
    logits = llava.lm_head(hidden)[:, :-1]
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)


def step():
    optimizer.zero_grad(set_to_none=True)
    loss().backward()
    optimizer.step()


seconds, others = measure(step, options.repetitions, options.warm_up)
report(
    "train", "step", seconds, others, batch=options.batch,
    trained_values=sum(p.numel() for p in trained))
