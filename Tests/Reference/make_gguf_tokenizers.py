# SPDX-License-Identifier: Apache-2.0
"""Writes Tests/Fixtures/tokenizers/gguf: the SentencePiece models of Tests/Fixtures/tokenizers/sentencepiece as GGUF files, by
the gguf package, with the ids that the SentencePiece library gives.

    python make_gguf_tokenizers.py [OUT]

Such a file is read as llama.cpp does: control tokens and those that users defined are found in the text first, and
SentencePiece sees each stretch between them as a text of its own. The expected ids are put together here in the same way
from what the library says of each stretch. Made with gguf 0.19.0, sentencepiece 0.2.3.
"""

import json
import os
import random
import re
import sys

import gguf
import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as proto

from make_sentencepiece import MORE
from make_tokenizers import OUT, TEXTS

# The file, its model in GGUF, and whether bos and eos are laid around a text.
CASES = {"bpe-bytes": ("llama", True, False), "unigram": ("t5", False, True), "unigram-bytes": ("t5", False, True)}


def write(path, model, kind, begins, ends):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model(kind)
    writer.add_token_list([p.piece.encode() for p in model.pieces])
    writer.add_token_scores([p.score for p in model.pieces])
    writer.add_token_types([p.type for p in model.pieces])
    if kind == "llama":
        writer.add_tokenizer_pre("default")
    else:
        # What the converter of T5 writes.
        writer.add_add_space_prefix(model.normalizer_spec.add_dummy_prefix)
        writer.add_remove_extra_whitespaces(model.normalizer_spec.remove_extra_whitespaces)
        if model.normalizer_spec.precompiled_charsmap:
            writer.add_precompiled_charsmap(model.normalizer_spec.precompiled_charsmap)
        writer.add_add_bos_token(begins)
        writer.add_add_eos_token(ends)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else OUT
    rng = random.Random(17)
    for name, (kind, begins, ends) in CASES.items():
        with open(os.path.join(OUT, "sentencepiece", name, "tokenizer.model"), "rb") as f:
            data = f.read()
        model = proto.ModelProto.FromString(data)
        sp = sentencepiece.SentencePieceProcessor(model_proto=data)
        whole = {p.piece: i for i, p in enumerate(model.pieces) if p.type in (2, 3, 4)}
        pattern = re.compile("(" + "|".join(re.escape(t) for t in sorted(whole, key=len, reverse=True)) + ")")
        alphabet = list(whole) + ["a", " ", "  ", "the dog", "\n", "é", "日", "😀", "12"]
        texts = TEXTS[:40] + MORE + ["".join(rng.choice(alphabet) for _ in range(rng.randint(1, 10))) for _ in range(40)]
        rows = []
        for text in texts:
            ids = []
            for part in pattern.split(text):
                if part in whole:
                    ids.append(whole[part])
                elif part:
                    ids += sp.encode(part)
            rows.append({"text": text, "ids": ids})
        os.makedirs(os.path.join(out, "gguf"), exist_ok=True)
        write(os.path.join(out, "gguf", name + ".gguf"), model, kind, begins, ends)
        with open(os.path.join(out, "gguf", name + ".json"), "w", encoding="utf-8") as f:
            json.dump({"size": len(model.pieces), "begins": begins, "ends": ends, "rows": rows}, f, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    main()
