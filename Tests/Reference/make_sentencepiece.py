# SPDX-License-Identifier: Apache-2.0
"""Writes Tests/Fixtures/tokenizers/sentencepiece (tokenizer.model files) and .../unigram (tokenizer.json files):
small models with the ids and the texts that the reference libraries give.

    python make_sentencepiece.py [OUT] [--lines FILE] [--full]

With --lines the texts are those of a file, and with --full the rules are those of nmt_nfkc, 240 KB: for checking by
hand more than is committed. Made with sentencepiece 0.2.3, tokenizers 0.23.3.
"""

import argparse
import base64
import io
import json
import os
import random
import tempfile
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from make_tokenizers import CORPUS, OUT, TEXTS

MORE = [
    "ｆｕｌｌ　ｗｉｄｔｈ １２３ ㈱ ㌔ ﬀ ﬃ ② ™ ℃ … ‼", "ｶﾞｷﾞ ﾊﾟ が ご", "a\u0300b\u0301 e\u0302\u0323 \u1100\u1161\u11a8", "<ctl> <ctl2><img>x <img> mushroom soup",
    " <img>  <img> mushroom soup mushroom", "▁▁ leading ▁ middle▁", "\n\nline\n  indent\n\t\ttab", "<0x41><0xE2> <unk><s></s> <pad>", "<unk> <unk>a <unk>",
    "\u0301accent first", "\x01\x02first", "𝔘𝔫𝔦 🙂🙂 漢字かな交じり文 ✓✗", "x" * 70 + "日" * 30, "the table, the dog, the year; the fox. " * 4,
]


def rules():
    """The rules of NFKC, and what nmt makes spaces, for the characters of the texts; enough to exercise a charsmap."""
    pairs = {}
    text = "".join(TEXTS + MORE + CORPUS)
    for length in (1, 2, 3):
        for start in range(len(text) - length + 1):
            part = text[start:start + length]
            normal = unicodedata.normalize("NFKC", part)
            if normal != part and (length == 1 or normal != "".join(unicodedata.normalize("NFKC", c) for c in part)):
                pairs[part] = normal
    for c in "\t\n\r\u0085\u2028\u00a0\u3000\u200b\ufeff":
        pairs[c] = " "
    for c in "\x01\x7f\u200d":
        pairs[c] = ""
    return pairs


def train(name, texts, options, edit, full):
    """A model's bytes; `edit` changes the parsed model after training."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rules.tsv")
        with open(path, "w", encoding="utf-8") as f:
            for source, target in rules().items():
                f.write(" ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n")
        how = dict(normalization_rule_tsv=path)
        if options.get("normalization_rule_name") == "identity":
            how = {}
        elif full:
            how = dict(normalization_rule_name="nmt_nfkc")
        stream = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_writer=stream, minloglevel=2, num_threads=1,
            hard_vocab_limit=False, character_coverage=0.98, **{**how, **options})
    model = proto.ModelProto.FromString(stream.getvalue())
    model.trainer_spec.ClearField("input")
    model.normalizer_spec.ClearField("normalization_rule_tsv")
    if edit:
        edit(model)
    return model.SerializeToString()


def unused(model):
    """Makes every seventh longer piece unused, so that it must be cut again."""
    for index, piece in enumerate(model.pieces):
        if piece.type == 1 and len(piece.piece) > 1 and index % 7 == 0:
            piece.type = 5


SENTENCEPIECE = {
    "unigram": (dict(model_type="unigram", vocab_size=420, user_defined_symbols=["<img>", "mushroom soup"], control_symbols=["<ctl>"]), None),
    "unigram-bytes": (dict(model_type="unigram", vocab_size=640, byte_fallback=True, normalization_rule_name="identity", add_dummy_prefix=False,
                           remove_extra_whitespaces=False, user_defined_symbols=["\n", "▁▁"], pad_id=3), None),
    "unigram-suffix": (dict(model_type="unigram", vocab_size=400, treat_whitespace_as_suffix=True, unk_surface="??"), unused),
    "bpe": (dict(model_type="bpe", vocab_size=420, user_defined_symbols=["<img>", "mushroom soup"], control_symbols=["<ctl>"]), None),
    "bpe-bytes": (dict(model_type="bpe", vocab_size=640, byte_fallback=True, normalization_rule_name="identity", split_digits=True,
                       remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, user_defined_symbols=["<img>"]), None),
    "bpe-unused": (dict(model_type="bpe", vocab_size=500, add_dummy_prefix=False), unused),
}


def hugging_face(model):
    """The same unigram models as the files of T5, SigLIP and their like write them."""
    m = proto.ModelProto.FromString(model["unigram"])
    charsmap = m.normalizer_spec.precompiled_charsmap
    vocabulary = [(p.piece, p.score) for p in m.pieces]
    b = proto.ModelProto.FromString(model["unigram-bytes"])
    with_bytes = [(p.piece, p.score) for p in b.pieces]

    def end(t, token):
        t.post_processor = processors.TemplateProcessing(single=f"$A {token}", special_tokens=[(token, t.token_to_id(token))])

    t5 = Tokenizer(models.Unigram(vocabulary, 0, False))
    t5.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap), normalizers.Strip(left=False, right=True),
                                          normalizers.Replace(Regex(" {2,}"), "▁")])
    t5.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    t5.decoder = decoders.Metaspace()
    t5.add_special_tokens(["<unk>", "<s>", "</s>", "<extra_0>"])
    end(t5, "</s>")

    siglip = Tokenizer(models.Unigram(vocabulary, 0, False))
    siglip.normalizer = normalizers.Sequence([
        normalizers.Lowercase(), normalizers.Replace(Regex(r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]"), ""),
        normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip(), normalizers.Precompiled(charsmap)])
    siglip.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    siglip.decoder = decoders.Metaspace()
    end(siglip, "</s>")

    fallback = Tokenizer(models.Unigram(with_bytes, 0, True))
    fallback.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(" ", "▁"), normalizers.Prepend("▁")])
    fallback.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Punctuation(), pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Split("▁", "merged_with_next")])
    fallback.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])

    accents = Tokenizer(models.Unigram(with_bytes, 0, False))
    accents.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Precompiled(charsmap)])
    accents.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    accents.decoder = decoders.Metaspace(prepend_scheme="first")
    accents.add_tokens(["<img>", "word"])
    return {"t5": t5, "siglip": siglip, "byte-fallback": fallback, "accents": accents}


def write(folder, name, data, size, rows):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)
    with open(os.path.join(folder, "expected.json"), "w", encoding="utf-8") as f:
        json.dump({"size": size, "rows": rows}, f, ensure_ascii=False, separators=(",", ":"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", nargs="?", default=OUT)
    parser.add_argument("--lines")
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    rng = random.Random(11)
    alphabet = ["a", "B", " ", "  ", "\n", "'s", "1", "23", "é", "日", "😀", "<img>", "<s>", "<ctl>", "▁", ".", "ﬁ", "the", "x", "ｶﾞ"]
    texts = TEXTS + MORE + ["".join(rng.choice(alphabet) for _ in range(rng.randint(1, 14))) for _ in range(25)]
    prefix = ""
    if options.lines:
        prefix = "lines-"
        with open(options.lines, encoding="utf-8") as f:
            texts = f.read().split("\n")
    made = {}
    for name, (how, edit) in SENTENCEPIECE.items():
        made[name] = train(name, [line for text in CORPUS * 3 for line in text.split("\n")], how, edit, options.full)
        sp = sentencepiece.SentencePieceProcessor(model_proto=made[name])
        rows = []
        for text in texts:
            ids = sp.encode(text)
            rows.append({"text": text, "ids": ids, "decoded": sp.decode(ids)})
        for _ in range(30):
            ids = [rng.randrange(sp.get_piece_size()) for _ in range(rng.randint(1, 12))]
            rows.append({"ids": ids, "decoded": sp.decode(ids)})
        write(os.path.join(options.out, "sentencepiece", prefix + name), "tokenizer.model", made[name], sp.get_piece_size(), rows)
    for name, t in hugging_face(made).items():
        rows = []
        for text in texts:
            ids = t.encode(text, add_special_tokens=False).ids
            row = {"text": text, "ids": ids, "decoded": t.decode(ids, skip_special_tokens=False)}
            special = t.encode(text).ids
            rows.append(row if special == ids else {**row, "special": special})
        for _ in range(30):
            ids = [rng.randrange(t.get_vocab_size()) for _ in range(rng.randint(1, 12))]
            rows.append({"ids": ids, "decoded": t.decode(ids, skip_special_tokens=False)})
        write(os.path.join(options.out, "unigram", prefix + name), "tokenizer.json", t.to_str().encode(), t.get_vocab_size(), rows)


if __name__ == "__main__":
    main()
