# SPDX-License-Identifier: Apache-2.0
"""Writes Tests/Fixtures/tokenizers: small tokenizers with the ids the reference library gives, and
chat templates with the texts the reference library renders.

    python make_tokenizers.py [OUT]

Made with tokenizers 0.23.3, transformers 5.23.0, jinja2 3.1.6.
"""

import json
import os
import random
import re
import sys

from tokenizers import (
    AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers)
from transformers.utils.chat_template_utils import _compile_jinja_template, render_jinja_template

OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "Fixtures", "tokenizers")

CORPUS = [
    "The quick brown fox jumps over the lazy dog, and the dog doesn't mind.",
    "A red apple lies on the table. The apples are red, green and yellow; they're sweet.",
    "A photograph of a small brown bird that is sitting on a branch of an old tree.",
    "There are 12 months, 52 weeks, 365 days, 8760 hours or 525600 minutes in a year of 2024.",
    "def forward(self, inputs):\n    hidden = self.norm(inputs)\n    return hidden + self.mlp(hidden)\n",
    "for (int i = 0; i < count; i++) {\n\tsum += values[i] * weights[i];\n}\n",
    "Der schnelle braune Fuchs springt über den faulen Hund. Größe, Straße, Äpfel, schön.",
    "Le petit garçon a mangé une pomme à l'école; c'était très bon, n'est-ce pas?",
    "El niño pequeño comió una manzana en la montaña. ¿Dónde está el pingüino?",
    "Быстрая коричневая лиса перепрыгивает через ленивую собаку.",
    "素早い茶色の狐はのろまな犬を飛び越える。東京は日本の首都です。",
    "敏捷的棕色狐狸跳过了懒狗。北京是中国的首都。",
    "빠른 갈색 여우가 게으른 개를 뛰어넘는다.",
    "الثعلب البني السريع يقفز فوق الكلب الكسول.",
    "तेज़ भूरी लोमड़ी आलसी कुत्ते के ऊपर कूदती है।",
]

TEXTS = CORPUS + [
    "", " ", "  ", "\n", "\r\n\r\n", "\t\t x", " leading", "trailing ", "a  b   c    d", "a\n\n  b \n c",
    "don't CAN'T we'll I'M they'Re you'VE he'd 's 't''s 'ſ'LL", "1234567890 3.14159 1e-10 0xFF 12,345",
    "½ Ⅷ ① ٣ 一 二", "x=y+z; // code {[()]} snake_case camelCase __init__", "¡¿!? … — “quotes” €100 №5",
    "emoji 😀👩‍👩‍👧‍👦🏳️‍🌈 ok", "e\u0301 é \u1e9b\u0323 ﬁ Å Å K", "\u200bzero\u200dwidth\ufeff", "a\u00a0b\u3000c\u2028d\u0085e\u000bf",
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>", " <|im_end|> <|im_end|>x", "<s>hello</s> <unk> <mask>",
    "a <mask> b<mask>c  <mask>  d", "wordy word wordword word", "\x00\x01\x7f", "▁ ▁▁ ▁a Ġ Ċ <0x41> <0x>",
    "a" * 40 + " " + "ab" * 50, "THE İSTANBUL ΣΑΣ ǅ", "\U0001d400\U0001f1e9\U0001f1ea\U0010ffff", "tab\there\r\nCRLF\rCR",
    "\u0f73\u0f73 \u0ccb \u07fd\u0323\u0301 \u088f \U0001f16c \u1e92\u030c e\u0323\u0302\u0301 각각 a\U000e014c\u0301 \u166d",
    "hot mushroom soup", "mushroom soup", "a <pic> b<pic> c <mask>", "https://example.com/a?b=c&d=e#f me@example.org", "...!!!???---___***", "日本語のテキスト и русский עברית",
]

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def byte_level(pre, name, *, norm=None, post=None, size=420, special=("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
               ignore_merges=False, more=()):
    t = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if norm is not None:
        t.normalizer = norm
    t.pre_tokenizer = pre
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(CORPUS * 3, trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(special), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.add_tokens(list(more))
    if post is not None:
        t.post_processor = post(t)
    return name, t


def split(pattern):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def sentencepiece_like(name, size, legacy):
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if legacy:
        # As Llama 2's file: the space is a matter of the normaliser.
        t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        t.decoder = decoders.Sequence([
            decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
        train = pre_tokenizers.Metaspace()
    else:
        train = pre_tokenizers.Metaspace(prepend_scheme="first")
        t.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")])
    t.pre_tokenizer = train
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
    t.train_from_iterator([c for c in CORPUS * 3 if c.isascii()], trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, show_progress=False))
    # Only the first three are special; byte tokens are ordinary ones.
    data = json.loads(t.to_str())
    data["added_tokens"] = data["added_tokens"][:3]
    if legacy:
        data["pre_tokenizer"] = None
    data["post_processor"] = json.loads(processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]).__getstate__())
    t = Tokenizer.from_str(json.dumps(data))
    t.add_tokens([AddedToken("mushroom soup", normalized=True), AddedToken("<pic>", normalized=False)])
    return name, t


def clip_like():
    t = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>", continuing_subword_prefix=""))
    t.normalizer = normalizers.Sequence([
        normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    t.decoder = decoders.BPEDecoder(suffix="</w>")
    t.train_from_iterator(CORPUS * 3, trainers.BpeTrainer(
        vocab_size=600, special_tokens=["<|startoftext|>", "<|endoftext|>"], show_progress=False,
        end_of_word_suffix="</w>", initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.post_processor = processors.RobertaProcessing(
        ("<|endoftext|>", t.token_to_id("<|endoftext|>")), ("<|startoftext|>", t.token_to_id("<|startoftext|>")),
        trim_offsets=False, add_prefix_space=False)
    return "clip", t


def words():
    """No bytes at all: words, punctuation, unknown characters, tokens that strip and normalise."""
    t = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##"))
    t.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.Strip(), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation(), pre_tokenizers.Digits(individual_digits=False)])
    t.train_from_iterator([c for c in CORPUS * 3 if c.isascii()], trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<unk>"], show_progress=False, continuing_subword_prefix="##"))
    t.add_tokens([AddedToken("<mask>", lstrip=True, rstrip=True, normalized=False), AddedToken("word", single_word=True),
                  AddedToken("THE", normalized=True), AddedToken("hel", normalized=False), AddedToken("hello", normalized=False)])
    return "words", t


def behaviours():
    """One text through every behaviour of Split."""
    rows = []
    for behaviour in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]:
        for invert in (False, True):
            for kind, pattern in [("String", "-"), ("Regex", r"\d+"), ("Regex", r"[a-z]x?|\s")]:
                p = pre_tokenizers.Split(Regex(pattern) if kind == "Regex" else pattern, behaviour, invert=invert)
                for text in ["the-final--countdown", "-a1-22b-", "--", "x ax1 2b\u000b\u0085c", "é-日本"]:
                    rows.append({"pre_tokenizer": json.loads(p.__getstate__()), "text": text,
                                 "pieces": [s for s, _ in p.pre_tokenize_str(text)]})
    for p in [pre_tokenizers.Whitespace(), pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(),
              pre_tokenizers.Punctuation("merged_with_previous"), pre_tokenizers.Digits(), pre_tokenizers.Digits(True),
              pre_tokenizers.Metaspace(), pre_tokenizers.Metaspace(prepend_scheme="never"),
              pre_tokenizers.Metaspace(prepend_scheme="first", split=False), pre_tokenizers.ByteLevel(),
              pre_tokenizers.Split(Regex(O200K), "isolated"), pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
              pre_tokenizers.Split(Regex(QWEN2), "isolated"), pre_tokenizers.Split(Regex(GPT2), "isolated")]:
        for text in TEXTS:
            rows.append({"pre_tokenizer": json.loads(p.__getstate__()), "text": text,
                         "pieces": [s for s, _ in p.pre_tokenize_str(text)]})
    return rows


def normalised():
    rows = []
    for n in [normalizers.NFC(), normalizers.NFD(), normalizers.NFKC(), normalizers.NFKD(), normalizers.Lowercase(),
              normalizers.Strip(), normalizers.Strip(left=False), normalizers.Prepend("▁"),
              normalizers.Replace("a", "bb"), normalizers.Replace(Regex(r"\s+"), "_")]:
        for text in TEXTS:
            rows.append({"normalizer": json.loads(n.__getstate__()), "text": text, "normalized": n.normalize_str(text)})
    return rows


def write_tokenizers():
    bos_eos = lambda bos, eos: lambda t: processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single=f"{bos} $A {eos}", special_tokens=[
            (bos, t.token_to_id(bos)), (eos, t.token_to_id(eos))])])
    made = [
        byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                            pre_tokenizers.ByteLevel(add_prefix_space=False)]), "digits"),
        byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True), "gpt2", post=bos_eos("<|im_start|>", "<|im_end|>"),
                   more=[AddedToken("<mask>", lstrip=True), AddedToken("word", single_word=True), "don't"]),
        byte_level(split(LLAMA3), "llama3", ignore_merges=True, size=500),
        byte_level(split(QWEN2), "qwen2", norm=normalizers.NFC(), size=500),
        byte_level(split(O200K), "o200k", size=500),
        sentencepiece_like("metaspace", 500, False),
        sentencepiece_like("llama2", 500, True),
        clip_like(),
        words(),
    ]
    rng = random.Random(7)
    alphabet = ["a", "B", " ", "  ", "\n", "'s", "1", "23", "é", "日", "😀", "<|im_end|>", "<s>", "<mask>", "▁", ".", "-", "word", "x"]
    texts = TEXTS + ["".join(rng.choice(alphabet) for _ in range(rng.randint(1, 14))) for _ in range(60)]
    for name, t in made:
        folder = os.path.join(OUT, name)
        os.makedirs(folder, exist_ok=True)
        # Both ways in which merges are written.
        data = json.loads(t.to_str())
        if name in ("gpt2", "llama2"):
            data["model"]["merges"] = [" ".join(m) for m in data["model"]["merges"]]
        with open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8") as f:
            json.dump(data, f, ensure_ascii=(name == "digits"), indent=1 if name == "gpt2" else None)
        t = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        rows = []
        for text in texts:
            ids = t.encode(text, add_special_tokens=False).ids
            rows.append({"text": text, "ids": ids, "special": t.encode(text).ids,
                         "decoded": t.decode(ids, skip_special_tokens=False), "skipped": t.decode(ids)})
        for _ in range(40):
            ids = [rng.randrange(t.get_vocab_size()) for _ in range(rng.randint(1, 12))]
            rows.append({"ids": ids, "decoded": t.decode(ids, skip_special_tokens=False), "skipped": t.decode(ids)})
        with open(os.path.join(folder, "expected.json"), "w", encoding="utf-8") as f:
            json.dump({"size": t.get_vocab_size(), "rows": rows}, f, ensure_ascii=False)
    with open(os.path.join(OUT, "steps.json"), "w", encoding="utf-8") as f:
        json.dump({"pre_tokenizers": behaviours(), "normalizers": normalised()}, f, ensure_ascii=False)


# ------------------------------------------------------------------------------------- chat templates

# Reasoning is passed to templates under two names, whichever it comes under.
REASONING = [
    [{"role": "user", "content": "a"}, {"role": "assistant", "reasoning_content": "r", "content": "b"}],
    [{"role": "assistant", "content": "b", "thinking": "t"}, {"role": "assistant", "content": "b", "reasoning": "s", "x": 1}],
    [{"role": "assistant", "content": "b", "reasoning": "s", "thinking": "t", "reasoning_content": None}],
    [{"role": "assistant", "content": "b", "reasoning": "s", "thinking": "t", "reasoning_content": "r"}, {"role": "assistant", "content": "", "reasoning": ""}],
]

TEMPLATES = {
    "whole": "{{ messages|tojson }}",
    "chatml": "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
              "You are a helpful assistant.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content']"
              " + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "llama2": """{% if messages[0]['role'] == 'system' %}
    {% set loop_messages = messages[1:] %}
    {% set system_message = messages[0]['content'] %}
{% else %}
    {% set loop_messages = messages %}
    {% set system_message = false %}
{% endif %}
{% for message in loop_messages %}
    {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
    {% endif %}
    {% if loop.index0 == 0 and system_message != false %}
        {% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}
    {% else %}
        {% set content = message['content'] %}
    {% endif %}
    {% if message['role'] == 'user' %}
{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}
    {% elif message['role'] == 'assistant' %}
{{ ' ' + content.strip() + ' ' + eos_token }}
    {% endif %}
{% endfor %}
""",
    "llama3": """{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{#- The system message comes first. -#}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- if tools is not none %}
    {{- "Functions:\\n\\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("This model only supports single tool-calls at once!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
        {{- '{"name": "' + tool_call.name + '", ' }}
        {{- '"parameters": ' }}
        {{- tool_call.arguments | tojson }}
        {{- "}" }}
        {{- "<|eot_id|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
""",
    "gemma": "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
             "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
             "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
             "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
             "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
             "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}",
    "qwen3": """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- "# Tools\\n\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0].role == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- else %}
            {%- if '</think>' in content %}
                {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
                {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
            {%- endif %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index and (loop.last or (not loop.last and reasoning_content)) %}
            {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {%- if message.tool_calls %}
            {%- for tool_call in message.tool_calls %}
                {%- if (loop.first and content) or (not loop.first) %}
                    {{- '\\n' }}
                {%- endif %}
                {%- if tool_call.function %}
                    {%- set tool_call = tool_call.function %}
                {%- endif %}
                {{- '<tool_call>\\n{"name": "' }}
                {{- tool_call.name }}
                {{- '", "arguments": ' }}
                {%- if tool_call.arguments is string %}
                    {{- tool_call.arguments }}
                {%- else %}
                    {{- tool_call.arguments | tojson }}
                {%- endif %}
                {{- '}\\n</tool_call>' }}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}""",
    "zephyr": "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + eos_token }}\n"
              "{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + eos_token }}\n"
              "{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n"
              "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}",
    "mistral": """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("After the optional system message, conversation roles must alternate user/assistant/user/assistant/...") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- elif message.role == "tool" %}
        {{- '[TOOL_RESULTS] {"content": ' + message.content|string + "}[/TOOL_RESULTS]" }}
    {%- endif %}
{%- endfor %}
""",
    "smolvlm": "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}{% if message['content'][0]['type'] == 'image' %}"
               "{{':'}}{% else %}{{': '}}{% endif %}{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
               "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
               "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}",
    "macros": """{% macro render_content(content, do_count=true) -%}
  {%- if content is string -%}{{ content }}
  {%- else -%}
    {%- for item in content -%}
      {%- if 'image' in item or item.type == 'image' -%}
        {%- set counter.value = counter.value + 1 -%}
        {%- if do_count %}Picture {{ counter.value }}: {% endif %}<|image_pad|>
      {%- elif 'text' in item -%}{{ item.text }}{%- endif -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro -%}
{%- set counter = namespace(value=0) -%}
{%- for role, group in [('system', 'S'), ('user', 'U')] %}
[{{ role|upper }}={{ group }}]{% endfor %}
{% for m in messages if m.role != 'system' -%}
    {{ loop.index }}/{{ loop.length }} {{ m.role|title }}: {{ render_content(m.content, do_count=add_generation_prompt) }}
{% else %}
nothing
{% endfor -%}
{% generation %}end{% endgeneration %}
""",
}

TOOLS = [{"type": "function", "function": {"name": "look", "description": "Look at a \"picture\" <now> & then", "parameters": {
    "type": "object", "properties": {"path": {"type": "string"}, "scale": {"type": "number", "default": 0.5}}, "required": ["path"]}}}]
TURNS = [
    [{"role": "user", "content": "What is this?"}],
    [{"role": "system", "content": " Be brief.\n"}, {"role": "user", "content": " Hi "}],
    [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nHello!"}, {"role": "user", "content": "日本 'q' \"d\"?"}],
    [{"role": "system", "content": "S"}, {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}],
    [{"role": "assistant", "content": "out of turn"}],
    [],
    [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Describe."}]}],
    [{"role": "user", "content": [{"type": "text", "text": "Two: "}, {"type": "image"}, {"type": "image"}]}, {"role": "assistant", "content": [{"type": "text", "text": "Yes."}]}],
    [{"role": "user", "content": "weather?"}, {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {
        "name": "look", "arguments": {"path": "a/ü.png", "scale": 2, "deep": [1, 2.5, None, True]}}}]}, {"role": "tool", "content": "sunny"}, {"role": "tool", "content": "22"}],
]
VARIABLES = [{"bos_token": "<s>", "eos_token": "</s>", "date_string": "01 Jan 2026"},
             {"bos_token": "<|bos|>", "eos_token": "<|eos|>", "date_string": "01 Jan 2026", "enable_thinking": False, "tools": TOOLS}]

SNIPPETS = r"""
{{ 1 + 2 * 3 - 4 // 3 }} {{ 7 / 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 1e3 }} {{ 0.1 + 0.2 }} {{ 1_000 }}
{{ 'a' ~ 1 ~ none ~ true ~ 1.5 }} {{ 'a' * 3 }} {{ [1] * 2 }} {{ [1] + [2] }} {{ 'a' + 'b' 'c' }}
{{ [1, 'a', "it's", 'q"q', none, true, 1.0, (1,), (1, 2), {'k': 'v', 1: [2]}] }}
{{ 'é\n\t\\x' }} {{ ['é\n\t\\\x01'] }} {{ '\u00e9\x41\101' }} {{ "a\'b" }} {{ '\d' }}
{{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' < 'b' }} {{ 1 < 2 < 3 }} {{ 3 > 2 > 2 }} {{ [1, 2] == [1, 2] }} {{ (1,) == [1] }} {{ none == none }} {{ [1, 2] < [1, 3] }}
{{ 'a' in 'cat' }} {{ 'a' not in ['b'] }} {{ 1 in {1: 2} }} {{ not 1 in [1] }} {{ x in y }} {{ '' in 'a' }}
{{ x is defined }} {{ x is undefined }} {{ x }} {{ x | default('d') }} {{ '' | default('d') }} {{ '' | default('d', true) }} {{ x.y is defined }}
{{ data.missing is defined }} {{ data.missing }} {{ data.a.b }} {{ data['a']['b'] }} {{ data.list[0] }} {{ data.list[-1] }} {{ data.list[9] }} {{ data.list.0 }}
{{ data.list[1:] }} {{ data.list[:-1] }} {{ data.list[::-1] }} {{ data.list[::2] }} {{ data.list[5:1:-2] }} {{ data.list[-100:100] }} {{ 'hello'[1:3] }} {{ 'hello'[::-1] }} {{ 'hello'[-3:] }} {{ 'héllo'[1] }}
{{ none is none }} {{ 1 is number }} {{ 1 is integer }} {{ 1.0 is float }} {{ true is boolean }} {{ true is number }} {{ 'a' is string }} {{ data is mapping }} {{ data.list is iterable }} {{ data.list is sequence }} {{ 'a' is iterable }} {{ 3 is odd }} {{ 3 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ 1 is eq 1 }} {{ 'a' is in ['a'] }} {{ true is true }} {{ false is false }} {{ 1 is true }} {{ 1 is not none }} {{ 'ab' is lower }} {{ 'AB' is upper }} {{ 1 is sameas 1 }}
{{ 'yes' if data else 'no' }} {{ 'yes' if x else 'no' }} {{ 'yes' if x }} {{ 'a' if false else 'b' if false else 'c' }} {{ (1 if true else 2) + 1 }}
{{ 1 and 0 }} {{ 0 or 'x' }} {{ not 0 }} {{ not not 1 }} {{ 1 or x.y }} {{ true and false or true }}
{{ '  a '|trim }}| {{ 'xxaxx'|trim('x') }} {{ 'abc'|upper }} {{ 'ABC'|lower }} {{ 'hello world'|title }} {{ 'hELLO'|capitalize }} {{ 'abc'|length }} {{ data|length }} {{ data.list|count }}
{{ [1, 2, 3]|join(', ') }} {{ ['a', 'b']|join }} {{ data.people|join('+', attribute='name') }} {{ data.people|map(attribute='name')|list }} {{ data.people|map(attribute='age', default=0)|list }} {{ ['a', 'b']|map('upper')|join }} {{ [1, 0]|select|list }} {{ [1, 2, 3]|select('odd')|list }} {{ [1, 2, 3]|reject('odd')|list }} {{ data.people|selectattr('age')|map(attribute='name')|list }} {{ data.people|rejectattr('age', 'defined')|map(attribute='name')|list }} {{ data.people|selectattr('name', 'equalto', 'bob')|list|length }} {{ data.people|selectattr('age', '>', 3)|list|length }}
{{ data.list|first }} {{ data.list|last }} {{ []|first }} {{ 'abc'|first }} {{ 'abc'|list }} {{ data|list }} {{ data.list|reverse|list }} {{ 'abc'|reverse }} {{ [3, 1, 2]|sort }} {{ ['b', 'A', 'c']|sort }} {{ [3, 1]|sort(reverse=true) }} {{ data.people|sort(attribute='name')|map(attribute='name')|list }} {{ [1, 1, 2]|unique|list }} {{ [1, 2]|sum }} {{ [2, 1]|min }} {{ [2, 1]|max }} {{ data.people[0]|dictsort }} {{ data.people[0]|items|list }}
{{ data|tojson }} {{ 'é<>&"\n'|tojson }} {{ [1, 2.0, none, true, {}, []]|tojson }} {{ 1.5|tojson }}
{{ data|tojson(indent=2) }}
{{ data.people|tojson(ensure_ascii=true) }} {{ data.people[0]|tojson(separators=(',', ':')) }} {{ data.people[0]|tojson(sort_keys=true) }} {{ 'é😀'|tojson(ensure_ascii=true) }}
{{ 'aXbXc'|replace('X', '-') }} {{ 'aXbXc'|replace('X', '-', 1) }} {{ 'abc'.replace('b', '') }} {{ 'abc'.replace('', '-') }} {{ 'aaa'.replace('a', 'b', 2) }}
{{ '5'|int + 1 }} {{ 'x'|int }} {{ 'x'|int(7) }} {{ 3.9|int }} {{ '3.5'|float }} {{ -3|abs }} {{ 3.14159|round(2) }} {{ 2.5|round }} {{ 42|string + '!' }} {{ 3.2|round(0, 'ceil') }} {{ '<a>'|e }} {{ '<a>'|safe }}
{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb'|indent(2, true) }}|{{ 'a\n\nb'|indent(1, blank=true) }}|{{ 'a\nb'|indent('>>') }}
{{ ' a b '.strip() }}| {{ 'xay'.strip('xy') }} {{ ' a'.lstrip() }} {{ 'a '.rstrip() }}| {{ 'a,b,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ' a  b '.split() }} {{ ''.split(',') }} {{ ''.split() }} {{ 'a\nb\r\nc\n'.splitlines() }}
{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x', 'c')) }} {{ 'abc'.upper() }} {{ 'ABC'.lower() }} {{ 'ab cd'.title() }} {{ 'ab'.capitalize() }} {{ 'banana'.find('an') }} {{ 'banana'.rfind('an') }} {{ 'banana'.count('a') }} {{ 'x'.find('y') }} {{ '-'.join(['a', 'b']) }} {{ 'prefix-a'.removeprefix('prefix-') }} {{ 'a.txt'.removesuffix('.txt') }} {{ '12'.isdigit() }} {{ 'ab'.isalpha() }} {{ ' '.isspace() }} {{ 'a1'.isalnum() }} {{ 'AB'.isupper() }}
{{ data.get('a').b }} {{ data.get('zz') }} {{ data.get('zz', 'd') }} {% for k, v in data.a.items() %}{{ k }}={{ v }};{% endfor %} {{ data.a.keys()|list }} {{ data.a.values()|list }} {{ data.list.index(2) }} {{ data.list.count(2) }}
{% for i in range(3) %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.cycle('a', 'b') }}{{ loop.previtem }}{{ loop.nextitem }} {% endfor %}
{% for i in [] %}x{% else %}empty{% endfor %} {% for i in [1, 2, 3, 4] if i is even %}{{ i }}{{ loop.index }}{% endfor %} {% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i > 4 %}{% break %}{% endif %}{{ i }}{% endfor %} {% for c in 'abc' %}{{ c }}.{% endfor %} {% for i in range(5, 0, -2) %}{{ i }}{% endfor %} {% for x in nothing %}{% endfor %} {% for i in range(2) %}{% for j in range(2) %}{{ loop.depth }}{{ i }}{{ j }} {% endfor %}{% endfor %}
{% set a = 1 %}{% for i in [1] %}{% set a = 2 %}{{ a }}{% endfor %}{{ a }} {% if true %}{% set a = 3 %}{% endif %}{{ a }} {% set b, c = 1, 2 %}{{ b }}{{ c }} {% set t %}x{{ a }}{% endset %}{{ t }} {% set u | upper %}abc{% endset %}{{ u }} {% set ns = namespace(n=0) %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }} {% set ns2 = namespace({'a': 1}, b=2) %}{{ ns2.a }}{{ ns2['b'] }} {{ dict(a=1, b='x') }}
{% macro f(a, b=2) %}[{{ a }}{{ b }}{{ outer }}]{% endmacro %}{% set outer = 'o' %}{{ f(1) }}{{ f(1, 3) }}{{ f(b=4, a=5) }}{{ f() }}{{ f(1)|upper }} {% macro g(n) %}{% if n > 0 %}{{ n }}{{ g(n - 1) }}{% endif %}{% endmacro %}{{ g(3) }}
{% with x = 1, y = 2 %}{{ x + y }}{% endwith %}{{ x is defined }} {% filter upper %}abc{{ 'd' }}{% endfilter %} {% raw %}{{ x }} {% if %}{% endraw %} {# comment #}done {%- if true -%}  tight  {%- endif -%} end
  {%- set x = 1 %}  a
    {% if x %}
  b
    {%+ if x %} c {% endif +%}
  {{- x -}}   d {# c #}
    {% endif %}
{#- strip -#}   e
{% for i in [1, 2] %}
  {{ i }}
{% endfor %}
f
{{ {'a': {'b': 1}}.a.b }} {{ [[1, 2], [3]][0][1] }} {{ ({'x': 1}).x }} {{ (1, 2)[0] }} {{ {}|length }} {{ {'a': 1}['a'] }} {{ 'a-%s' ~ 1 }} {{ ((1)) }} {{ () }} {{ [1,] }}
{{ -1|abs }} {{ -(1 + 2) }} {{ +3 }} {{ - 2 ** 2 }} {{ 2 * 3 ~ 4 }} {{ 1 ~ 2 + 3 }} {{ 10 // 3 * 2 }} {{ not 1 == 2 }} {{ 'a' 'b' is string }} {{ 'ab'|length == 2 }} {{ 1 if 'a' is defined else 2 }} {{ 5 is number and 1 }}
{{ messages[0].content if messages else 'none' }} {{ messages|length > 0 and messages[0].role == 'user' }} {{ (messages|first).role }} {{ messages|selectattr('role', 'eq', 'user')|map(attribute='content')|first }}
{{ 'a{}b{}'.format(1, 'x') }} {{ '{1}{0}{{}}'.format('a', 'b') }} {{ '{n}!'.format(n=3) }} {{ 'a{}'.format() }} {{ '{'.format(1) }} {{ '12½'.isdigit() }} {{ '²'.isdigit() }}
{{ ('<a>'|safe + '<b>') }} {{ ('<a>' + '<b>'|safe + '&') }} {{ '<a>'|safe ~ '<b>' }} {{ ('<'|e + '>') }} {{ (1|string + '<') }}
{% if [1]|select('odd') %}yes{% endif %} {% if []|select('odd') %}yes{% endif %} {% if []|map('upper')|list %}no{% endif %} {{ none|selectattr('a')|list }} {{ none|map('upper')|list }} {{ (data.a|items)|list }} {% if {}|items %}yes{% endif %}
{{ [1]|map('string')|tojson }}
{{ [1]|select('odd')|length }}
{{ {true: 1, none: 2, 3: 4, 'a': 5}|tojson }}
{% set ns = namespace() %}{% set ns._a = 1 %}
{{ namespace(_a=1) }}
{% if false %}{{ 1|from_json }}{% endif %}ok
{% if false %}{% if true %}{{ 1 is odder }}{% endif %}{% else %}ok{% endif %}
{% if false %}{% for a in [1] %}{{ a|from_json }}{% endfor %}{% endif %}
{{ 'x' if true else 1|from_json }}
{{ 1|from_json if false else 'y' }}
{{ 1|from_json if true else 'y' }}
{% macro f(a) %}{{ a|from_json }}{% endmacro %}ok
{% if 1|from_json %}{% endif %}
{% if false and (1|from_json) %}{% endif %}ok
{{ x.y }}
{{ 1 + 'a' }}
{{ 1 / 0 }}
{{ data.nosuch.deeper }}
{{ nosuch() }}
{{ 'a' < 1 }}
{{ raise_exception('stop') }}
{{ [1, 2].append(3) }}
{% set data.a = 1 %}
{% for a, b in [[1]] %}{% endfor %}
{{ 1|nosuchfilter }}
{{ 1 is nosuchtest }}
{% nosuchblock %}
{% if true %}
{{ 'abc }}
{{ (1 }}
{{ 1 2 }}
{% endfor %}
{% for i in 3 %}{% endfor %}
{{ x|length }} {{ x|list }} {{ x|join }} {{ x ~ 'a' }} {{ x == y }} {{ x|upper }}|
{{ strftime_now('%Y') == strftime_now('%Y') }} {{ strftime_now('%d %b %Y')|length }} {{ strftime_now('%%') }}
""".strip("\n").split("\n")

# Snippets of several lines, kept together.
JOINED = [["  {%- set x = 1 %}  a", "    {% if x %}", "  b", "    {%+ if x %} c {% endif +%}", "  {{- x -}}   d {# c #}",
           "    {% endif %}", "{#- strip -#}   e", "{% for i in [1, 2] %}", "  {{ i }}", "{% endfor %}", "f"]]

DATA = {"data": {"a": {"b": 1, "c": "d"}, "list": [1, 2, 3, 4], "people": [
    {"name": "bob", "age": 5}, {"name": "Al"}, {"name": "cy", "age": 0}]}, "messages": [{"role": "user", "content": "hi"}]}


def write_templates():
    rows = []
    for name, source in TEMPLATES.items():
        for turns in REASONING if name == "whole" else TURNS:
            for variables in VARIABLES:
                for prompt in (False, True):
                    extra = {k: v for k, v in variables.items() if k != "tools"}
                    row = {"template": name, "messages": turns, "variables": variables, "add_generation_prompt": prompt}
                    try:
                        row["expected"] = render_jinja_template(
                            [turns], tools=variables.get("tools"), chat_template=source, add_generation_prompt=prompt, **extra)[0][0]
                    except Exception as error:
                        row["error"] = str(error)
                    rows.append(row)
    snippets = []
    sources = ["\n".join(j) for j in JOINED] + [s for s in SNIPPETS if not any(s in j for j in JOINED)]
    # Lines of nothing but outputs become one snippet an output, so that an error hides no other.
    sources = [part for source in sources for part in (
        re.findall(r"\{\{.*?\}\}(?=[ |]|$)\|?", source) if re.fullmatch(r"(\{\{(?!.*\{%).*\}\}\|? ?)+", source) else [source])]
    for source in sources:
        row = {"source": source}
        try:
            row["expected"] = _compile_jinja_template(source).render(**DATA)
        except Exception as error:
            row["error"] = f"{type(error).__name__}: {error}"
        snippets.append(row)
    with open(os.path.join(OUT, "templates.json"), "w", encoding="utf-8") as f:
        json.dump({"templates": TEMPLATES, "cases": rows, "snippets": snippets, "data": DATA}, f, ensure_ascii=False, indent=0)


if __name__ == "__main__":
    os.makedirs(OUT, exist_ok=True)
    write_tokenizers()
    write_templates()
