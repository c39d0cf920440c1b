# SPDX-License-Identifier: Apache-2.0
"""Prefill and greedy decoding in PyTorch with transformers, through its key-value cache."""

import argparse

from common import measure, report, torch_with_threads

parser = argparse.ArgumentParser()
parser.add_argument("--model", help="an assembled model; random weights of Qwen2-0.5B's sizes if not given")
parser.add_argument("--prompt-tokens", type=int, default=288)
parser.add_argument("--tokens", type=int, default=64)
parser.add_argument("--repetitions", type=int, default=3)
options = parser.parse_args()

torch = torch_with_threads()
torch.set_grad_enabled(False)
if options.model:
    from transformers import LlavaForConditionalGeneration

    llava = LlavaForConditionalGeneration.from_pretrained(options.model, dtype=torch.float32).eval()
    body, head = llava.model.language_model, llava.lm_head
    llava.model.vision_tower = None
else:
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = LlamaConfig(
        hidden_size=896, num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2,
        intermediate_size=4864, vocab_size=151936, tie_word_embeddings=True,
        max_position_embeddings=8192)
    llama = LlamaForCausalLM(shape).eval()
    body, head = llama.model, llama.lm_head
prompt = torch.randn(1, options.prompt_tokens, body.config.hidden_size) * 0.05


def prefill():
    out = body(inputs_embeds=prompt, use_cache=True)
    return out.past_key_values, head(out.last_hidden_state[:, -1:]).argmax(-1)


seconds, others = measure(prefill, options.repetitions, 2)
report("decode", "prefill", seconds, others, tokens_per_second=options.prompt_tokens / min(seconds))
state = {}


def decode():
    cache, token = prefill()
    import time

    start = time.perf_counter()
    for _ in range(options.tokens):
        out = body(input_ids=token, past_key_values=cache, use_cache=True)
        token = head(out.last_hidden_state[:, -1:]).argmax(-1)
    state.setdefault("each", []).append((time.perf_counter() - start) / options.tokens)


_, others = measure(decode, options.repetitions, 1)
report("decode", "token", state["each"][1:], others)
