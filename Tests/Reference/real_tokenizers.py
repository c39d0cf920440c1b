# SPDX-License-Identifier: Apache-2.0
"""Makes the tokenizers of published model families out of the vocabularies that Python packages carry, each a directory
as Hugging Face ships it, for compare_tokenizers.py.

    pip download --no-deps dashscope open_clip_torch mistral-common llama-models     (unpacked: PACKAGES)
    python real_tokenizers.py PACKAGES OUT [--gguf FOLDER]

FOLDER holds the ggml-vocab-NAME.gguf files of llama.cpp. Each gives two directories: gguf-NAME, with the file itself and
what transformers' side of the comparison reads, reference.json; and json-NAME, with that as tokenizer.json.
"""

import argparse
import base64
import glob
import gzip
import json
import os
import shutil

from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import CLIPTokenizer, PreTrainedTokenizerFast, Qwen2Tokenizer
from transformers.convert_slow_tokenizer import TikTokenConverter, bytes_to_unicode
from transformers.integrations.mistral import tokenizer as mistral
from transformers.tokenization_utils_base import generate_merges

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3 = QWEN2.replace(r"\p{N}|", r"\p{N}{1,3}|", 1)
QWEN35 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
# Letters of two cases, as DeepSeek lists them.
DEEPSEEK_LETTERS = r"\s?" + (
    "[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377"
    "\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-"
    "\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-"
    "\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-"
    "\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115"
    "\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-"
    "\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-"
    "\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-"
    "\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943]+")
DEEPSEEK_SIGNS = r"\s?" + "[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+"
ASIAN = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"


def split(*patterns, before=(), after=()):
    """Cuts by one pattern after another, then writes bytes as their printable stand-ins."""
    return pre_tokenizers.Sequence(list(before) + [pre_tokenizers.Split(Regex(p), "isolated") for p in patterns] + list(after)
                                   + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


DIGITS = pre_tokenizers.Digits(individual_digits=True)
PLAIN = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
FALCON = [pre_tokenizers.Punctuation("contiguous"), PLAIN, pre_tokenizers.Digits(individual_digits=False),
          pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")]
# What the tokenizer.json of the family says: the splitting, a normaliser, whether a piece that is a token is not merged.
GGUF = {
    "gpt-2": (PLAIN, None, False),
    "starcoder": (pre_tokenizers.Sequence([DIGITS, PLAIN]), None, False),
    "refact": (pre_tokenizers.Sequence([DIGITS, PLAIN]), None, False),
    "command-r": (pre_tokenizers.Sequence([DIGITS, PLAIN]), normalizers.NFC(), False),
    "mpt": (PLAIN, normalizers.NFC(), False),
    "falcon": (pre_tokenizers.Sequence(FALCON), None, False),
    "llama-bpe": (split(LLAMA3), None, True),
    "qwen2": (split(QWEN2), normalizers.NFC(), False),
    "qwen35": (split(QWEN35), normalizers.NFC(), False),
    "deepseek-coder": (split("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", ASIAN, after=[DIGITS]), None, False),
    "deepseek-llm": (split("[\r\n]", DEEPSEEK_LETTERS, DEEPSEEK_SIGNS, r"\s+$", ASIAN, after=[DIGITS]), None, False),
    # Files without the name, which llama.cpp takes for this.
    "aquila": (split(r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"), None, False),
}
GGUF["gpt-neox"] = GGUF["default"] = GGUF["aquila"]
# Names of which no vocabulary is compared; make_splits.py takes them from here.
TEKKEN = O200K.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "").replace("{1,3}", "")
GGUF |= {
    "smollm": GGUF["starcoder"], "tekken": (split(TEKKEN), None, True), "gpt-4o": (split(O200K), None, False), "dbrx": (split(LLAMA3), None, False),
    "deepseek-v3": (split(r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
                          r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
                          r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"), None, False),
}


def write(out, name, tokenizer, **configuration):
    directory = os.path.join(out, name)
    os.makedirs(directory, exist_ok=True)
    if isinstance(tokenizer, Tokenizer):
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **configuration)
    tokenizer.save_pretrained(directory)
    print(name, len(tokenizer), flush=True)


def ranks(path):
    with open(path, "rb") as f:
        return {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in f if line.strip())}


def merges_in_order(ranks):
    """One merge for each token: the pair that byte-pair encoding with the lower ranks ends with."""
    spelling = bytes_to_unicode()
    merges = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        if len(token) == 1:
            continue
        parts = [bytes([b]) for b in token]
        while len(parts) > 2:
            best = min(range(len(parts) - 1), key=lambda i: ranks.get(parts[i] + parts[i + 1], 1 << 40))
            if ranks.get(parts[best] + parts[best + 1], 1 << 40) >= rank:
                break
            parts[best:best + 2] = [parts[best] + parts[best + 1]]
        if len(parts) == 2:
            merges.append(tuple("".join(spelling[b] for b in part) for part in parts))
    return merges


class Ranks(TikTokenConverter):
    @staticmethod
    def load_tiktoken_bpe(path):
        return ranks(path)


def tiktoken(out, name, path, pattern, special, bos, eos):
    tokenizer = Ranks(path, pattern=pattern).tokenizer()
    tokenizer.pre_tokenizer = split(pattern)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
        single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))])])
    write(out, name, tokenizer, bos_token=bos, eos_token=eos)


def qwen(out, path):
    spelling = bytes_to_unicode()
    table = ranks(path)
    vocabulary = {"".join(spelling[b] for b in token): rank for token, rank in table.items()}
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=merges_in_order(table))
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
               "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in
                          ["<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"]])
    write(out, "qwen2.5", tokenizer)


def clip(out, path):
    with gzip.open(path, "rt", encoding="utf-8") as f:
        merges = [tuple(line.split()) for line in f.read().split("\n")[1:49152 - 256 - 2 + 1]]
    alphabet = list(bytes_to_unicode().values())
    tokens = alphabet + [c + "</w>" for c in alphabet] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=merges)
    write(out, "clip-resaved", tokenizer)
    # As published: another pattern, and the decoder of words with a suffix.
    data = json.loads(tokenizer.backend_tokenizer.to_str())
    data["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    shutil.copytree(os.path.join(out, "clip-resaved"), os.path.join(out, "clip"), dirs_exist_ok=True)
    with open(os.path.join(out, "clip", "tokenizer.json"), "w", encoding="utf-8") as f:
        json.dump(data, f, ensure_ascii=False)


def sentencepiece(out, name, path):
    """The model itself, and the two forms of tokenizer.json that transformers has made of such models."""
    os.makedirs(os.path.join(out, name), exist_ok=True)
    shutil.copy(path, os.path.join(out, name, "tokenizer.model"))
    proto = sentencepiece_model_pb2.ModelProto()
    with open(path, "rb") as f:
        proto.ParseFromString(f.read())
    vocabulary = {piece.piece: i for i, piece in enumerate(proto.pieces)}
    merges = generate_merges(vocabulary, {piece.piece: piece.score for piece in proto.pieces})
    control = [AddedToken(p.piece, special=True, normalized=False) for p in proto.pieces if p.type in (2, 3)]
    others = [AddedToken(p.piece, special=False, normalized=False) for p in proto.pieces if p.type == 4]
    ends = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    for legacy in (True, False):
        tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
        if legacy:
            tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        else:
            tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False)
        tokenizer.decoder = decoders.Sequence(ends)
        tokenizer.add_tokens(control + others)
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
        write(out, f"{name}-{'legacy' if legacy else 'metaspace'}", tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def tekken(out, name, path):
    """`special_tokens` is not in these files; mistral-common has the list."""
    with open(path, encoding="utf-8") as f:
        data = json.load(f)
    names = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]",
             "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]",
             "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]"]
    data.setdefault("special_tokens", None)
    if not data["special_tokens"]:
        data["special_tokens"] = [{"rank": rank, "token_str": token, "is_control": True} for rank, token in enumerate(names)]
    copy = os.path.join(out, name + "-tekken.json")
    with open(copy, "w", encoding="utf-8") as f:
        json.dump(data, f)
    write(out, name, mistral.MistralConverter(copy).converted(), bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>")
    os.remove(copy)


def gguf(out, path):
    from gguf import GGUFReader
    name = os.path.basename(path)[len("ggml-vocab-"):-len(".gguf")]
    if name not in GGUF:
        return print(name, "is left out: not a byte-level vocabulary")
    fields = GGUFReader(path).fields
    tokens, merges, types = (fields[f"tokenizer.ggml.{key}"].contents() for key in ("tokens", "merges", "token_type"))
    splitting, normalizer, ignores_merges = GGUF[name]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, [tuple(m.split(" ")) for m in merges], ignore_merges=ignores_merges))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitting
    tokenizer.decoder = decoders.ByteLevel()
    # Old files call what begins and ends texts ordinary tokens.
    ends = {fields[key].contents() for key in ("tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id") if key in fields}
    kinds = [3 if i in ends and token.startswith("<") and token.endswith(">") else kind for i, (token, kind) in enumerate(zip(tokens, types))]
    tokenizer.add_tokens([AddedToken(token, special=kind == 3, normalized=False) for token, kind in zip(tokens, kinds) if kind in (3, 4)])
    for folder, file in ((f"gguf-{name}", "reference.json"), (f"json-{name}", "tokenizer.json")):
        os.makedirs(os.path.join(out, folder), exist_ok=True)
        tokenizer.save(os.path.join(out, folder, file))
    shutil.copy(path, os.path.join(out, f"gguf-{name}", "model.gguf"))
    print(name, len(tokens), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages")
    parser.add_argument("out")
    parser.add_argument("--gguf")
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    out = arguments.out

    def find(pattern):
        found = sorted(glob.glob(os.path.join(arguments.packages, "**", pattern), recursive=True))
        return found[0] if found and arguments.only in pattern else None

    reserved = [f"<|reserved_special_token_{i}|>" for i in range(246)]
    steps = {
        "qwen.tiktoken": lambda p: qwen(out, p),
        "bpe_simple_vocab_16e6.txt.gz": lambda p: clip(out, p),
        "llama_models/llama3/tokenizer.model": lambda p: tiktoken(
            out, "llama3", p, LLAMA3, ["<|begin_of_text|>", "<|end_of_text|>"] + reserved[:2] + ["<|finetune_right_pad_id|>", "<|step_id|>",
            "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>", "<|python_tag|>", "<|image|>"] + reserved[2:],
            "<|begin_of_text|>", "<|eot_id|>"),
        "llama_models/llama4/tokenizer.model": lambda p: tiktoken(
            out, "llama4", p, O200K, ["<|begin_of_text|>", "<|end_of_text|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>",
            "<|header_start|>", "<|header_end|>", "<|eom|>", "<|eot|>", "<|step|>", "<|image|>", "<|patch|>"], "<|begin_of_text|>", "<|eot|>"),
        "tokenizer.model.v1": lambda p: sentencepiece(out, "mistral-v1", p),
        "*240216.model.v2": lambda p: sentencepiece(out, "mistral-v2", p),
        "*240323.model.v3": lambda p: sentencepiece(out, "mistral-v3", p),
        "*241114.model.v7": lambda p: sentencepiece(out, "mistral-v7", p),
        "tekken_240911.json": lambda p: tekken(out, "mistral-tekken", p),
    }
    for pattern, step in steps.items():
        path = find(pattern)
        if path:
            step(path)
    if arguments.gguf:
        for path in sorted(glob.glob(os.path.join(arguments.gguf, f"ggml-vocab-*{arguments.only}*.gguf"))):
            gguf(out, path)


if __name__ == "__main__":
    main()
