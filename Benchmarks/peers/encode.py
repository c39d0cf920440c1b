# SPDX-License-Identifier: Apache-2.0
"""Pictures to features: Pillow with numpy, transformers' image processor, DINOv2 in PyTorch and in
ONNX Runtime."""

import argparse
import tempfile
import time
from pathlib import Path

from common import THREADS, measure, report, torch_with_threads

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--limit", type=int, default=60)
parser.add_argument("--repetitions", type=int, default=5)
parser.add_argument("--part", choices=["preprocess", "torch", "onnx"], required=True)
parser.add_argument("pictures")
options = parser.parse_args()

import numpy as np
from PIL import Image


def chosen():
    """The pictures that `lorikeet bench encode --limit` takes."""
    root = Path(options.pictures)
    if root.is_file():
        return [root]
    found = sorted(
        str(p.relative_to(root)) for p in root.rglob("*")
        if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
    count = min(options.limit, len(found))
    return [root / found[i * len(found) // count] for i in range(count)]


def read(path):
    picture = Image.open(path).convert("RGBA")
    ground = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    return Image.alpha_composite(ground, picture).convert("RGB")


MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


def plain(path):
    """256 pixels on the short side, bicubic, the middle 224 x 224, normalised."""
    picture = read(path)
    scale = 256 / min(picture.size)
    picture = picture.resize(
        tuple(max(256, round(s * scale)) for s in picture.size), Image.Resampling.BICUBIC)
    left, top = (picture.width - 224) // 2, (picture.height - 224) // 2
    picture = picture.crop((left, top, left + 224, top + 224))
    return ((np.asarray(picture, np.float32) / 255 - MEAN) / DEVIATION).transpose(2, 0, 1).copy()


def each(body):
    """Seconds of every picture, after one round that is not counted."""
    paths = chosen()
    seconds = []

    def round_():
        for path in paths:
            start = time.perf_counter()
            body(path)
            seconds.append(time.perf_counter() - start)

    _, others = measure(round_, options.repetitions, 1)
    return seconds[len(paths) :], others


if options.part == "preprocess":
    seconds, others = each(read)
    report("encode", "decode", seconds, others)
    seconds, others = each(plain)
    report("encode", "decode and preprocess, Pillow and numpy", seconds, others)
    try:
        from transformers import BitImageProcessorPil as Processor
    except ImportError:
        from transformers import BitImageProcessor as Processor
    processor = Processor.from_pretrained(options.model)
    seconds, others = each(lambda path: processor(read(path), return_tensors="np"))
    report("encode", "decode and preprocess, transformers", seconds, others)
    raise SystemExit

torch = torch_with_threads()
torch.set_grad_enabled(False)
from transformers import LlavaForConditionalGeneration

encoder = (
    LlavaForConditionalGeneration.from_pretrained(options.model, dtype=torch.float32)
    .model.vision_tower.eval())
if options.part == "torch":
    for batch in (1, 8):
        pixels = torch.randn(batch, 3, 224, 224)
        seconds, others = measure(lambda: encoder(pixel_values=pixels), options.repetitions, 3)
        report("encode", f"encoder, batch {batch}", seconds, others)
    raise SystemExit

import onnxruntime


class Features(torch.nn.Module):
    """The encoder with a tensor for its output, as the exporter wants it."""

    def __init__(self):
        super().__init__()
        self.encoder = encoder

    def forward(self, pixels):
        return self.encoder(pixel_values=pixels).last_hidden_state


for batch in (1, 8):
    pixels = torch.randn(batch, 3, 224, 224)
    with tempfile.TemporaryDirectory() as directory:
        file = directory + "/encoder.onnx"
        torch.onnx.export(Features(), (pixels,), file, input_names=["pixels"], dynamo=False)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = THREADS
        settings.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(file, settings, providers=["CPUExecutionProvider"])
        feed = {"pixels": pixels.numpy()}
        error = float(np.abs(session.run(None, feed)[0] - Features()(pixels).numpy()).max())
        seconds, others = measure(lambda: session.run(None, feed), options.repetitions, 3)
        report("encode", f"encoder, batch {batch}", seconds, others, error_to_torch=error)
