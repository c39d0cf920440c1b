# SPDX-License-Identifier: Apache-2.0
"""Writes Tests/Fixtures/tokenizers/splits.json: how the tokenizers library cuts texts, by the splittings that names in GGUF files
stand for and by regular expressions of every construct.

    python make_splits.py [OUT]

Made with tokenizers 0.23.3.
"""

import json
import os
import sys

from tokenizers import Regex, pre_tokenizers

from real_tokenizers import GGUF

OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "Fixtures", "tokenizers", "splits.json")

TEXTS = [
    "The quick brown fox doesn't JUMP over 12 dogs, 3456 cats & 1234567 mice.", "  two  spaces\tand\t\ttabs\r\nlines\n\n\n end  ",
    "ÜBERgroß McDonald iPhone HTTPServer aB Ab ǅungla ʰa", "¿Dónde? «quoted» — “dash”… €5 $6 x^2+y~z|`code`", "PNG'র ৮ নয় ٣٤ ½ Ⅷ ²³",
    "日本語のテキスト123と漢字カナ 한국어와 中文！？。", "عربي 12 עברית कि तेज़ भूरी e\u0301a\u0308\u0323", "😀👩‍👩‍👧‍👦🏳️‍🌈1️⃣ ok\u200bzero\ufeff\u00a0nb\u3000id\u2028ls\u0085nel\x0b\x1c",
    "I'M we'LL 'ſ 'Tis l'école don't''s 'reD", "https://a.b/c?d=e#f me@x.org C:\\dir\\x.txt <a href=\"x\">", "\x00\x01\x7f\u0378\ue000\U0010ffff\U000e0001",
    "\U0001d400\U0001f1e9\U0001f1ea \U00020000\U0002a6df \U00010400\U00010428 \u1c89\ua7cb\ua7da \U00010d40", "", " ", "a", "\n", "x" * 70 + "1" * 9, "/* c */ if(a/b)//d\n/\n",
]
PATTERNS = [
    r"\p{Lu}+\p{Ll}*", r"[^\s\p{L}]+", r"(?i:'s|'k|x)", r"(?:ab|a)b?", r"(a|e|i)(o|u)?n", r"\p{L}{2,3}", r"\p{L}{2,}", r"\p{N}{3}", r"[^\r\n\p{L}\p{N}]?+\p{L}+",
    r"\s++\S", r"\s+(?!\S)", r"\s+(?=\p{L})\p{L}", r"(?=\p{L})([^a-z])+", r"\P{L}+", r"[\P{L}x]+", r"[\d\-_]+", r"\D+", r"[a-c\-e-g]+", r"[\]\[]|\(|\)|\.", r"\s+$", r"$|x",
    r"[^\S\n]+", r"[a-z&&[^aeiou]]+", r"\w+", r"\bfox\b", r"a+?", r".", r"(\p{L}\p{L})+", r"(?:\p{L}{1,3}|\s){1,4}", r"\p{Han}+", r"x{0,2}1", r"(?i:[sdmt]|ll|ve|re)", r"\\|/", r"\x41",
    "[\u4e00-\u9fa5]+", r"(?<!a)b", r"\n|\t|\r", r"[^\p{P}\p{S}]+", r" ?\p{L}+| ?\p{N}+", r"\p{M}+", r"[\p{Zs}\p{Cc}]+",
]


def pieces(splitting, text):
    return [piece for piece, _ in splitting.pre_tokenize_str(text)]


if __name__ == "__main__":
    gguf = [{"name": name, "rows": [{"text": text, "pieces": pieces(splitting, text)} for text in TEXTS]} for name, (splitting, _, _) in GGUF.items()
            if name not in ("aquila", "gpt-neox")]
    patterns = []
    for pattern in PATTERNS:
        splitting = pre_tokenizers.Split(Regex(pattern), "isolated")
        patterns.append({"pattern": pattern, "rows": [{"text": text, "pieces": pieces(splitting, text)} for text in TEXTS]})
    with open(OUT, "w", encoding="utf-8") as f:
        json.dump({"gguf": gguf, "patterns": patterns}, f, ensure_ascii=False)
