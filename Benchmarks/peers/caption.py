# SPDX-License-Identifier: Apache-2.0
"""A caption in PyTorch with transformers, from the start of the process to its last token. The caller
times the whole process; without --once it times captions with the model open."""

import argparse

from common import measure, report, torch_with_threads

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--tokens", type=int, default=16)
parser.add_argument("--once", action="store_true")
parser.add_argument("--repetitions", type=int, default=3)
parser.add_argument("picture")
options = parser.parse_args()

torch = torch_with_threads()
torch.set_grad_enabled(False)
from PIL import Image
from transformers import AutoTokenizer, LlavaForConditionalGeneration

try:
    from transformers import BitImageProcessorPil as Processor
except ImportError:
    from transformers import BitImageProcessor as Processor

model = LlavaForConditionalGeneration.from_pretrained(options.model, dtype=torch.float32).eval()
tokenizer = AutoTokenizer.from_pretrained(options.model)
processor = Processor.from_pretrained(options.model)
prefix = 0 if model.config.vision_feature_select_strategy == "full" else 1
patches = (224 // model.config.vision_config.patch_size) ** 2 + 1 - prefix


def caption():
    picture = Image.open(options.picture).convert("RGB")
    pixels = processor(picture, return_tensors="pt")["pixel_values"]
    words = tokenizer("\nCaption:", return_tensors="pt").input_ids
    image = torch.full((1, patches), model.config.image_token_index)
    ids = torch.cat([image, words], 1)
    out = model.generate(
        input_ids=ids, pixel_values=pixels, attention_mask=torch.ones_like(ids),
        max_new_tokens=options.tokens, min_new_tokens=options.tokens, do_sample=False)
    return tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)


if options.once:
    caption()
else:
    seconds, others = measure(caption, options.repetitions, 1)
    report("caption", "warm", seconds, others)
