# SPDX-License-Identifier: Apache-2.0
"""Makes the lines of text that compare_tokenizers.py encodes: real ones in many languages and programming
languages from what is installed, and made ones of every script and of all that splits texts badly.

    python tokenizer_texts.py OUT [--lines N] [--seed N] [--real]

A line ends with a line feed, and so holds none; carriage returns, NUL and other controls it may hold.
"""

import argparse
import gettext
import glob
import os
import random
import site
import sys
import sysconfig
import unicodedata

SCRIPTS = {
    "latin": [(0x41, 0x5B), (0x61, 0x7B), (0xC0, 0x250), (0x1E00, 0x1F00)], "greek": [(0x370, 0x400), (0x1F00, 0x2000)],
    "cyrillic": [(0x400, 0x530)], "armenian": [(0x531, 0x590)], "hebrew": [(0x591, 0x5F5)], "arabic": [(0x600, 0x700), (0xFB50, 0xFE00)],
    "devanagari": [(0x900, 0x980)], "bengali": [(0x980, 0xA00)], "tamil": [(0xB80, 0xC00)], "thai": [(0xE01, 0xE5C)],
    "tibetan": [(0xF00, 0xFDB)], "georgian": [(0x10A0, 0x1100), (0x1C90, 0x1CC0)], "jamo": [(0x1100, 0x1200)],
    "hangul": [(0xAC00, 0xD7A4)], "kana": [(0x3041, 0x3100)], "han": [(0x4E00, 0xA000), (0x3400, 0x4DC0), (0x20000, 0x2A6E0)],
    "symbols": [(0x2000, 0x2C00)], "width": [(0xFF00, 0xFFF0)], "mathematical": [(0x1D400, 0x1D800)], "cherokee": [(0x13A0, 0x1400), (0xAB70, 0xABC0)],
    "youngest": [(0x1C80, 0x1C8B), (0xA7C0, 0xA7DD), (0x10D40, 0x10D90), (0x16D40, 0x16D80), (0x1CC00, 0x1CD00), (0x105C0, 0x10600)],
}
EMOJI = ["😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪", "🇯🇵🇫🇷", "1️⃣", "❤️‍🔥", "🧑🏿‍🚀", "☺︎", "🫨", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"]
SPACES = [" ", "  ", "\t", "\r", "\u00a0", "\u2003", "\u3000", "\u2028", "\u0085", "\v", "\f", "\u200b", "\u202f", "\u1680", "\x1c", "\r\r", " " * 7, " " * 16, " " * 33, "\t\t\t"]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>", "</s>", "<unk>", "[INST]", "[/INST]", "<|begin_of_text|>", "<|eot_id|>",
           "<|start_header_id|>", "<|end_header_id|>", "<|image|>", "<|vision_start|>", "<|image_pad|>", "<|startoftext|>", "[IMG]", "<SPECIAL_20>",
           "<fim_prefix>", "<|END_OF_TURN_TOKEN|>", "<PAD>", "<pad>", "<mask>", "<|User|>", ">>TITLE<<", "<|eot|>", "<0x41>", "▁", "▁▁", "Ġ", "Ċ"]
NUMBERS = ["{}", "{}.{}", "1e-{}", "0x{:x}", "{:,}", "{}%", "-{}", "${}", "{}°C", "v{}.{}.{}", "{:04}-12-{}", "{}:{:02}", "{}½", "²{}", "Ⅷ{}", "٣{}", "{}px", "#{:06x}"]
CONTRACTIONS = ["don't", "CAN'T", "we'll", "WE'LL", "I'M", "they'Re", "you'VE", "he'd", "'s", "'S", "'ſ", "'Tis", "l'école", "rock'n'roll", "o''clock", "it’s", "'ll'", "x'lL", "'reverse", "'dx"]


def real_lines(pick):
    """Lines of Python sources, documents and translations."""
    roots = [sysconfig.get_paths()["stdlib"]] + site.getsitepackages()
    sources = sorted(path for root in roots for path in glob.glob(root + "/**/*.py", recursive=True))
    documents = sorted(path for root in roots + ["/usr/share/doc"] for ending in ("md", "rst", "txt", "html", "js", "css", "h", "json", "toml", "c", "hpp")
                       for path in glob.glob(f"{root}/**/*.{ending}", recursive=True))
    for paths, wanted in ((sources, 0.28), (documents, 0.14)):
        paths = [path for path in paths if "/test" not in path] or paths
        for path in pick.sample(paths, min(len(paths), 400)):
            if not os.path.isfile(path):
                continue
            with open(path, encoding="utf-8", errors="ignore", newline="\n") as f:
                lines = [line for line in f.read(400_000).split("\n") if 0 < len(line) < 600]
            yield wanted, pick.sample(lines, min(len(lines), 60))
    by_language = {}
    for path in sorted(glob.glob("/usr/share/**/*.mo", recursive=True) + [p for r in roots for p in glob.glob(r + "/**/*.mo", recursive=True)]):
        by_language.setdefault(path.split("/LC_MESSAGES")[0].split("/")[-1].split(".")[0], []).append(path)
    for language, paths in sorted(by_language.items()):
        texts = set()
        for path in pick.sample(paths, min(len(paths), 4)):
            try:
                with open(path, "rb") as f:
                    catalog = gettext.GNUTranslations(f)._catalog
            except Exception:
                continue
            texts.update(line for text in catalog.values() if isinstance(text, str) for line in text.split("\n") if 4 < len(line) < 500)
        texts = sorted(texts)
        yield 0.25, pick.sample(texts, min(len(texts), 45))


def word(pick, ranges):
    start, end = pick.choice(ranges)
    letters = [chr(pick.randrange(start, end)) for _ in range(pick.choice([1, 2, 3, 4, 5, 7, 9, 12]))]
    return "".join(c for c in letters if unicodedata.category(c) not in ("Cn", "Cs", "Co"))


def made_line(pick):
    kind = pick.randrange(12)
    scripts = list(SCRIPTS.values())
    if kind < 3:
        ranges = pick.choice(scripts)
        return pick.choice(["", " "]) + pick.choice([" ", " ", ", ", "-", "  "]).join(word(pick, ranges) for _ in range(pick.randrange(1, 12)))
    if kind == 3:
        return pick.choice(["", " "]).join(word(pick, pick.choice(scripts)) + pick.choice(["", ".", "!", "'s", "1", " "]) for _ in range(8))
    if kind == 4:
        return pick.choice(["", " "]).join(pick.choice(EMOJI + ["ok", " ", "\u200d", "\ufe0f"]) for _ in range(pick.randrange(1, 14)))
    if kind == 5:
        marks = "".join(chr(pick.choice([pick.randrange(0x300, 0x370), pick.randrange(0x591, 0x5C8), pick.randrange(0x64B, 0x660), 0x93C, 0x94D, 0xE31, 0x20DD, 0x3099]))
                        for _ in range(pick.randrange(1, 6)))
        return "".join(pick.choice("aeiouxnkहकงかאاЕ ") + pick.choice(["", marks[: pick.randrange(1, 6)]]) for _ in range(pick.randrange(2, 16)))
    if kind == 6:
        return "".join(pick.choice([pick.choice(SPACES), word(pick, scripts[0]), pick.choice("(){}[]=+-*/.,;'\"!?@#<>&|~^`\\_%$0123")]) for _ in range(pick.randrange(3, 24)))
    if kind == 7:
        numbers = [pick.randrange(10 ** pick.randrange(1, 13)) for _ in range(4)]
        return pick.choice([" ", "", ", ", "/"]).join(pick.choice(NUMBERS).format(*numbers) for _ in range(pick.randrange(1, 8)))
    if kind == 8:
        name = word(pick, [(0x61, 0x7B)]) or "x"
        return pick.choice([f"https://{name}.example.org/{name}?q={pick.random()}&x=%20{name}#{name}", f"{name}@{name}.com", f"C:\\{name}\\{name}.txt",
                            f"/usr/{name}/{name}_{name}.tar.gz", f"\tif {name} != {name.upper()}:\t# {name}", f"\t\t\tfor (int i=0;i<{len(name)};++i){{\t{name}[i]+=1;}}",
                            f"<div class=\"{name}\">{name}</div>", f"    {name}.{name}({name!r}, **{name})", f"{{\"{name}\": [{len(name)}, null, true]}}", f"__{name}__ = lambda {name}: {name} ** 2"])
    if kind == 9:
        return "".join(pick.choice([pick.choice(SPECIAL), pick.choice(SPACES[:4]), word(pick, scripts[0]), "\r"]) for _ in range(pick.randrange(2, 12)))
    if kind == 10:
        return pick.choice([" ", "", "\u00a0"]).join(pick.choice(CONTRACTIONS) for _ in range(pick.randrange(1, 9)))
    # Anything at all but surrogates and the line feed.
    points = [pick.choice([pick.randrange(0x20), pick.randrange(0x3000), pick.randrange(0xE000, 0x10000), pick.randrange(0x10000, 0x20000), pick.randrange(0x110000)])
              for _ in range(pick.randrange(1, 30))]
    return "".join(chr(p) for p in points if p != 0x0A and not 0xD800 <= p < 0xE000)


def texts(count, seed, real=False):
    pick = random.Random(seed)
    lines, taken = [], {}
    for wanted, more in real_lines(pick):
        room = int(wanted * count) - taken.get(wanted, 0)
        more = [line.replace("\n", " ") for line in more][:max(room, 0)]
        taken[wanted] = taken.get(wanted, 0) + len(more)
        lines += more
    if real:
        return lines
    lines += ["", " ", "a" * 3000, "ab" * 900, " " * 500 + "x", "\t" * 70, "1" * 400, "ÄÖ" * 200, "한국어" * 90, "😀" * 100]
    while len(lines) < count:
        lines.append(made_line(pick))
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--lines", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--real", action="store_true", help="only lines of files, fewer than N; for measuring speed")
    arguments = parser.parse_args()
    with open(arguments.out, "w", encoding="utf-8", newline="\n") as f:
        f.writelines(line + "\n" for line in texts(arguments.lines, arguments.seed, arguments.real))
    print(os.path.getsize(arguments.out), "bytes", file=sys.stderr)
