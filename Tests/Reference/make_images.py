#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes Tests/Fixtures/images: small pictures of every kind and what Pillow and transformers make of them.

    pip install -r requirements-images.txt
    python make_images.py

Each seed has a folder: the picture files, expected.bin (all expected values, one after the other) and
expected.json (what stands where). Pictures that Pillow cannot write are written chunk by chunk. What a
PNG holds is computed here from the samples, and Pillow's reading of the same file is compared with it;
where Pillow departs from the PNG specification (KNOWN below) the specification is kept.
"""
import io, json, os, struct, zlib
import numpy as np
from PIL import Image, ImageOps
import PIL, transformers
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "Fixtures", "images")
# Pillow compares the transparent value of low and high bit depths after they were scaled to 8 bits, or
# not at all, and clips 16-bit gray instead of keeping its high byte.
KNOWN = ("gray16", "trns")


def picture(g, w, h, channels):
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    planes = []
    for _ in range(channels):
        fx, fy, phase = g.uniform(0.3, 3), g.uniform(0.3, 3), g.uniform(0, 6.28)
        p = 0.5 + 0.42 * np.sin(2 * np.pi * (fx * x / w + fy * y / h) + phase) + g.normal(0, 0.03, (h, w))
        disc = (x - g.uniform(0, w)) ** 2 + (y - g.uniform(0, h)) ** 2 < (min(w, h) * g.uniform(0.1, 0.3)) ** 2
        p[disc] = g.uniform(0, 1)
        planes.append(p)
    return np.clip(np.stack(planes, -1), 0, 1)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed(rows, depth):
    """Rows of samples [h, w * channels] as filtered PNG rows."""
    out = b""
    for row in rows:
        if depth == 16:
            data = row.astype(">u2").tobytes()
        elif depth == 8:
            data = row.astype(np.uint8).tobytes()
        else:
            bits = ((row[:, None] >> np.arange(depth)[::-1]) & 1).astype(np.uint8).reshape(-1)
            data = np.packbits(bits).tobytes()
        out += b"\0" + data
    return out


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(samples, kind, depth, interlaced=False, palette=None, trns=None, before=b"", after=b""):
    """A PNG file; samples [h, w, channels], kind is the colour type."""
    h, w, c = samples.shape
    if interlaced:
        raw = b""
        for x0, y0, dx, dy in ADAM7:
            part = samples[y0::dy, x0::dx]
            if part.shape[0] and part.shape[1]:
                raw += packed(part.reshape(part.shape[0], -1), depth)
    else:
        raw = packed(samples.reshape(h, -1), depth)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, kind, 0, 0, int(interlaced)))
    data += before
    if palette is not None:
        data += chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    if trns is not None:
        data += chunk(b"tRNS", trns)
    z = zlib.compress(raw, 9)
    data += chunk(b"IDAT", z[:len(z) // 2]) + chunk(b"IDAT", z[len(z) // 2:])  # in two, as writers do
    return data + after + chunk(b"IEND", b"")


def over_white(rgba):
    image = Image.fromarray(rgba, "RGBA")
    return np.array(Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image).convert("RGB"))


def meaning(samples, kind, depth, palette=None, trns=None):
    """The 8-bit RGB that the samples stand for, by the PNG specification."""
    top = (1 << depth) - 1
    to8 = (lambda s: (s >> 8)) if depth == 16 else (lambda s: s * (255 // top))
    h, w, c = samples.shape
    alpha = np.full((h, w), 255)
    if kind == 3:
        rgb = palette[samples[..., 0]]
        if trns is not None:
            table = np.full(256, 255); table[:len(trns)] = np.frombuffer(trns, np.uint8)
            alpha = table[samples[..., 0]]
    else:
        rgb = to8(samples[..., :3] if kind & 2 else samples[..., :1].repeat(3, -1))
        if kind & 4:
            alpha = to8(samples[..., -1])
        elif trns is not None:
            key = np.array(struct.unpack(f">{len(trns) // 2}H", trns))
            alpha = np.where((samples[..., :len(key)] == key).all(-1), 0, 255)
    if kind & 4 or trns is not None:
        return over_white(np.concatenate([rgb, alpha[..., None]], -1).astype(np.uint8))
    return rgb.astype(np.uint8)


def by_pillow(data):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        return over_white(np.array(image.convert("RGBA")))
    return np.array(image.convert("RGB"))


def tiff(order, orientation):
    """An EXIF block in either byte order, with another tag before the orientation."""
    e = "<" if order == "II" else ">"
    return (order.encode() + struct.pack(e + "HI", 42, 8) + struct.pack(e + "H", 2)
            + struct.pack(e + "HHII", 0x0100, 4, 1, 640)
            + struct.pack(e + "HHIHH", 0x0112, 3, 1, orientation, 0) + struct.pack(e + "I", 0))


class Case:
    def __init__(self, seed):
        self.g = np.random.default_rng(seed)
        self.dir = os.path.join(OUT, f"seed-{seed}")
        os.makedirs(self.dir, exist_ok=True)
        for name in os.listdir(self.dir):
            os.remove(os.path.join(self.dir, name))
        self.bin = b""
        self.json = {"versions": {"pillow": PIL.__version__, "numpy": np.__version__, "transformers": transformers.__version__},
                     "decode": [], "resize": [], "processors": [], "corruptions": []}

    def put(self, array):
        offset = len(self.bin)
        self.bin += array.tobytes()
        return offset

    def decode(self, name, data, rgb, tolerance=0):
        with open(os.path.join(self.dir, name), "wb") as f:
            f.write(data)
        self.json["decode"].append({"file": name, "height": rgb.shape[0], "width": rgb.shape[1],
                                    "tolerance": tolerance, "offset": self.put(np.ascontiguousarray(rgb, np.uint8))})

    def png(self, name, samples, kind, depth, **more):
        data = png(samples, kind, depth, **more)
        rgb = meaning(samples, kind, depth, more.get("palette"), more.get("trns"))
        same = by_pillow(data).shape == rgb.shape and (by_pillow(data) == rgb).all()
        if not same:
            assert any(k in name for k in KNOWN), f"{name}: Pillow reads it otherwise"
            print(f"{os.path.basename(self.dir)}/{name}: Pillow reads it otherwise")
        self.decode(name, data, rgb)

    def pngs(self):
        g = self.g
        w, h = int(g.integers(9, 24)), int(g.integers(9, 24))
        for interlaced in (False, True):
            tag = "-interlaced" if interlaced else ""
            for kind, channels, name in ((0, 1, "gray"), (4, 2, "graya"), (2, 3, "rgb"), (6, 4, "rgba")):
                for depth in (1, 2, 4, 8, 16) if kind == 0 else (8, 16):
                    s = np.rint(picture(g, w, h, channels) * ((1 << depth) - 1)).astype(np.int64)
                    self.png(f"{name}{depth}{tag}.png", s, kind, depth, interlaced=interlaced)
                    if kind in (0, 2):  # one value of the picture becomes transparent
                        key = s[h // 2, w // 2]
                        self.png(f"{name}{depth}-trns{tag}.png", s, kind, depth, interlaced=interlaced,
                                 trns=struct.pack(f">{channels}H", *key))
            if not interlaced:
                # A key whose high byte alone occurs must not match 16-bit pixels.
                s = np.full((4, 5, 3), 0x1234); s[1, 2] = 0x1235
                self.png("rgb16-trns-low-bits.png", s, 2, 16, trns=struct.pack(">3H", *s[1, 2]))
            for depth in (1, 2, 4, 8):
                n = min(1 << depth, 1 << depth if depth < 8 else 200)
                palette = g.integers(0, 256, (n, 3))
                s = np.minimum(np.rint(picture(g, w, h, 1) * ((1 << depth) - 1)).astype(np.int64), n - 1)
                self.png(f"palette{depth}{tag}.png", s, 3, depth, interlaced=interlaced, palette=palette)
                alpha = g.integers(0, 256, max(n // 2, 1)).astype(np.uint8).tobytes()
                self.png(f"palette{depth}-alpha{tag}.png", s, 3, depth, interlaced=interlaced, palette=palette, trns=alpha)
        for w1, h1 in ((1, 1), (3, 1), (1, 5), (2, 2)):  # some of Adam7's passes are empty
            s = g.integers(0, 256, (h1, w1, 4))
            self.png(f"rgba8-{w1}x{h1}-interlaced.png", s, 6, 8, interlaced=True)
        self.png("rgba8-random.png", g.integers(0, 256, (40, 40, 4)), 6, 8)
        s = g.integers(0, 256, (5, 8, 3))
        for orientation, order, place in ((6, "II", "before"), (3, "MM", "after"), (8, "MM", "before")):
            data = png(s, 2, 8, **{place: chunk(b"eXIf", tiff(order, orientation))})
            rgb = by_pillow(data)
            assert rgb.shape == ((8, 5, 3) if orientation > 4 else (5, 8, 3))
            self.decode(f"exif-{orientation}-{place}.png", data, rgb)
        # Metadata that change no pixel, among them a colour profile that is none.
        junk = chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"tEXt", b"Comment\0x") + chunk(b"iCCP", b"p\0\0" + zlib.compress(b"no profile"))
        self.decode("metadata.png", png(s, 2, 8, before=junk), s.astype(np.uint8))

    def jpeg(self, name, image, **how):
        out = io.BytesIO()
        image.save(out, "JPEG", **how)
        self.decode(name, out.getvalue(), by_pillow(out.getvalue()), tolerance=2)
        return out.getvalue()

    def jpegs(self):
        g = self.g
        w, h = int(g.integers(33, 50)), int(g.integers(33, 50))
        rgb = Image.fromarray(np.rint(picture(g, w, h, 3) * 255).astype(np.uint8))
        inks = Image.fromarray(np.rint(picture(g, w, h, 4) * 255).astype(np.uint8), "CMYK")
        self.jpeg("rgb-444.jpg", rgb, quality=92, subsampling=0)
        self.jpeg("rgb-422.jpg", rgb, quality=90, subsampling=1)
        self.jpeg("rgb-420.jpg", rgb, quality=80, subsampling=2)
        self.jpeg("rgb-420-progressive.jpg", rgb, quality=85, subsampling=2, progressive=True)
        self.jpeg("rgb-restart.jpg", rgb, quality=85, restart_marker_rows=1)
        self.jpeg("rgb-untransformed.jpg", rgb, quality=90, keep_rgb=True)
        self.jpeg("gray.jpg", rgb.convert("L"), quality=90)
        self.jpeg("gray-progressive.jpg", rgb.convert("L"), quality=90, progressive=True)
        self.jpeg("cmyk-progressive.jpg", inks, quality=90, progressive=True)
        cmyk = self.jpeg("cmyk.jpg", inks, quality=90)
        # The same four planes declared as Y, Cb, Cr, K: the Adobe marker's last byte says so.
        at = cmyk.index(b"Adobe") + 11
        assert cmyk[at] == 0
        ycck = cmyk[:at] + b"\2" + cmyk[at + 1:]
        self.decode("ycck.jpg", ycck, by_pillow(ycck), tolerance=2)
        small = rgb.resize((12, 9))
        for orientation in range(1, 9):
            order = "II" if orientation % 2 else "MM"
            self.jpeg(f"exif-{orientation}.jpg", small, quality=95, subsampling=0,
                      exif=b"Exif\0\0" + tiff(order, orientation))
        self.jpeg("exif-9.jpg", small, quality=95, subsampling=0, exif=b"Exif\0\0" + tiff("II", 9))

    def resizes(self):
        g = self.g
        filters = [Image.Resampling(i) for i in range(6)]
        for name, (w, h) in {"wide": (61, 23), "tall": (19, 57), "tiny": (3, 2), "line": (40, 1)}.items():
            a = np.rint(picture(g, w, h, 3) * 255).astype(np.uint8)
            if name == "tiny":
                a = (g.integers(0, 2, a.shape) * 255).astype(np.uint8)  # overshoot must clip
            image = Image.fromarray(a)
            image.save(os.path.join(self.dir, f"{name}.png"))
            sizes = [(24, 17), (w * 2 + 1, h), (w, h * 3), (7, 31), (1, 1), (int(g.integers(2, 40)), int(g.integers(2, 40)))]
            for nw, nh in sizes:
                for f in filters:
                    self.json["resize"].append({"source": f"{name}.png", "width": nw, "height": nh, "filter": int(f),
                                                "offset": self.put(np.array(image.resize((nw, nh), f)))})

    def processors(self):
        g = self.g
        imagenet = dict(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])
        edge = int(g.integers(16, 26))
        each = [
            BitImageProcessorPil(size={"shortest_edge": edge}, crop_size=edge - 3, **imagenet),  # DINOv2's
            BitImageProcessorPil(size={"shortest_edge": 9}, crop_size={"height": 14, "width": 11}),  # padded crop
            BitImageProcessorPil(size={"shortest_edge": 20, "longest_edge": 31}, do_center_crop=False, resample=1),
            BitImageProcessorPil(size={"shortest_edge": 12}, crop_size=12, do_rescale=False, resample=0),
            BitImageProcessorPil(do_resize=False, crop_size={"height": 12, "width": 13}, do_normalize=False),
            CLIPImageProcessorPil(size={"shortest_edge": edge}, crop_size=edge),
            SiglipImageProcessorPil(size={"height": edge, "width": edge + 2}),
            ViTImageProcessorPil(size={"height": 15, "width": 15}),
            DeiTImageProcessorPil(size={"height": 18, "width": 18}, crop_size=15),
            LlavaImageProcessorPil(size={"shortest_edge": 17}, crop_size=17, do_pad=True),
        ]
        for processor in each:
            for source in ("wide.png", "tall.png"):
                image = Image.open(os.path.join(self.dir, source))
                values = np.asarray(processor(image, return_tensors="np")["pixel_values"][0], np.float32)
                assert values.shape[0] == 3
                self.json["processors"].append({
                    "config": processor.to_json_string(), "source": source,
                    "height": values.shape[1], "width": values.shape[2], "offset": self.put(np.ascontiguousarray(values))})

    def corruptions(self):
        """ImageNet-C's deterministic kinds, on the picture wide.png."""
        x = np.array(Image.open(os.path.join(self.dir, "wide.png"))) / 255.0
        for severity in range(1, 6):
            c = [0.4, 0.3, 0.2, 0.1, 0.05][severity - 1]
            mean = x.mean((0, 1), keepdims=True)
            self.keep("contrast", severity, np.clip((x - mean) * c + mean, 0, 1) * 255)
            sigma = [1, 2, 3, 4, 6][severity - 1]
            radius = int(4 * sigma + 0.5)
            k = np.exp(-0.5 * np.arange(-radius, radius + 1) ** 2 / sigma ** 2); k /= k.sum()
            p = np.pad(x, ((radius, radius), (radius, radius), (0, 0)), mode="edge")
            p = np.apply_along_axis(lambda v: np.convolve(v, k, "valid"), 0, p)
            p = np.apply_along_axis(lambda v: np.convolve(v, k, "valid"), 1, p)
            self.keep("gaussian-blur", severity, np.clip(p, 0, 1) * 255)

    def keep(self, name, severity, values):
        self.json["corruptions"].append({"name": name, "severity": severity, "offset": self.put(values.astype(np.uint8))})

    def run(self):
        self.pngs(); self.jpegs(); self.resizes(); self.processors(); self.corruptions()
        with open(os.path.join(self.dir, "expected.bin"), "wb") as f:
            f.write(self.bin)
        with open(os.path.join(self.dir, "expected.json"), "w") as f:
            json.dump(self.json, f, indent=None, separators=(",", ":"))
            f.write("\n")
        print(os.path.basename(self.dir), len(self.json["decode"]), "pictures,", len(self.bin), "bytes expected")


if __name__ == "__main__":
    for seed in (1, 2):
        Case(seed).run()
