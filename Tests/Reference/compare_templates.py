# SPDX-License-Identifier: Apache-2.0
"""Holds `lorikeet debug template` against transformers: the prompt of every conversation by every template, or that both refuse it.

    python compare_templates.py --lorikeet PROGRAM [--table OUT] [--examples N] TEMPLATE.jinja ...

A template that uses what jinja2 with transformers' settings does not know counts as refused by both.
"""

import argparse
import copy
import json
import os
import subprocess
import sys
import tempfile

from transformers.utils.chat_template_utils import render_jinja_template


def function(name, description, properties, required=(), **more):
    return {"type": "function", "function": {"name": name, "description": description, "parameters": {
        "type": "object", "properties": properties, "required": list(required), **more}}}


TOOLS = [
    function("get_weather", "The weather at a place, in °C & \"more\".", {
        "place": {"type": "string", "description": "City, <country>"}, "unit": {"type": "string", "enum": ["C", "F"], "default": "C"},
        "days": {"type": "integer", "minimum": 1, "maximum": 7}}, ["place"]),
    function("draw", "Draws.\nSecond line.", {
        "points": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "number"}}}, "description": "pairs"},
        "style": {"type": "object", "properties": {"colour": {"type": ["string", "null"]}, "width": {"type": "number", "default": 1.5}}, "required": ["colour"]},
        "fast": {"type": "boolean", "default": False}, "either": {"anyOf": [{"type": "string"}, {"type": "integer"}], "nullable": True}}),
    {"type": "function", "function": {"name": "now", "description": "The time.", "parameters": {"type": "object", "properties": {}},
                                      "return": {"type": "string", "description": "ISO"}}},
]
IMAGE = {"type": "image"}


def text(words):
    return {"type": "text", "text": words}


def user(content):
    return {"role": "user", "content": content}


def assistant(content, **more):
    return {"role": "assistant", "content": content, **more}


def system(content):
    return {"role": "system", "content": content}


def call(name, arguments, id="abcdef123"):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(content, id="abcdef123", name="get_weather"):
    return {"role": "tool", "content": content, "tool_call_id": id, "name": name}


ARGUMENTS = {"place": "Zürich, \"CH\"", "days": 3, "deep": {"a": [1, 2.5, None, True, "é"], "b": {}}}
CONVERSATIONS = [
    [user("Hi")],
    [system("You are brief."), user("Hi")],
    [system("  You are <brief> & 'kind'.\n"), user(" What\tis \"it\"? \n"), assistant("  Yes.\n\n"), user("Ünï 中文 😀")],
    [user("a"), assistant("b"), user("c"), assistant("d")],
    [system("s"), user("a"), assistant("b"), user("c"), assistant("d"), user("e")],
    [user("")], [], [assistant("out of turn")], [user("a"), user("b")], [user("a"), system("late"), user("b")],
    [user([text("Plain.")])],
    [user([IMAGE, text("Describe.")])],
    [system([text("Look well.")]), user([text("Two: "), IMAGE, IMAGE, text(" which?")]), assistant([text("The first.")]), user([text("Why?")])],
    [user([{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}, text("What?")])],
    [user([{"type": "video", "video": "a.mp4"}, {"type": "audio", "audio": "a.wav"}, text("What?")])],
    [user("Weather?"), assistant("", tool_calls=[call("get_weather", ARGUMENTS)]), result("sunny"), assistant("It is sunny."), user("Thanks")],
    [system("s"), user("Weather?"), assistant(None, tool_calls=[call("get_weather", ARGUMENTS), call("now", {}, "zyxwvu987")]),
     result("{\"t\": 22}"), result("noon", "zyxwvu987", "now")],
    [user("Weather?"), assistant("Let me look.", tool_calls=[call("get_weather", json.dumps(ARGUMENTS, ensure_ascii=False))]), result([text("sunny")]), assistant("Fine.")],
    [user("Weather?"), {"role": "assistant", "tool_calls": [call("get_weather", {"place": "Rome"})]}, {"role": "tool", "content": "rain"}],
    [user("Think."), assistant("Four.", reasoning_content="Two and two\nmake four."), user("Again.")],
    [user("Think."), assistant("<think>\nHm.\n</think>\n\nFour."), user("Again."), assistant("<think>x</think>y")],
    [user("Think."), assistant("Six.", thinking="Three and three."), user("And?"), assistant("", reasoning="r", tool_calls=[call("now", {})]), result("noon", name="now")],
    [{"role": "developer", "content": "Be terse."}, user("Hi")],
    [{"role": "narrator", "content": "Once."}, user("Hi")],
    [user("Hi"), assistant("partial <|im_end|> </s> [/INST]")],
    [{"role": "user", "content": "Hi", "name": "Ann"}, {"role": "assistant", "content": "Hello", "name": "Bob"}, {"role": "ipython", "content": "42"}],
    [user("a\n\nb\r\nc"), assistant("\n"), user("0")],
]
VARIABLES = [
    {},
    {"add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"},
    {"add_generation_prompt": True, "bos_token": "<|begin|>", "eos_token": "<|end|>", "tools": TOOLS, "date_string": "01 Jan 2026"},
    {"add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>", "tools": TOOLS[:1], "enable_thinking": False, "thinking": False,
     "tools_in_user_message": False, "builtin_tools": ["brave_search", "wolfram_alpha"], "reasoning_effort": "high"},
    {"add_generation_prompt": False, "bos_token": "<s>", "eos_token": "</s>", "enable_thinking": True, "thinking": True, "add_vision_id": True,
     "documents": [{"title": "A & B", "text": "One <two>."}, {"title": "C", "text": "Three"}], "keep_thinking": True, "preserve_thinking": True},
    {"add_generation_prompt": True, "bos_token": "", "eos_token": "</s>", "tools": [], "controls": {"length": 3}, "date_string": "26 Jul 2024"},
]


def expected(source, variables):
    variables = copy.deepcopy(variables)
    try:
        return render_jinja_template([variables.pop("messages")], chat_template=source, **variables)[0][0], None
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lorikeet", required=True)
    parser.add_argument("--table")
    parser.add_argument("--examples", type=int, default=2)
    parser.add_argument("templates", nargs="+")
    arguments = parser.parse_args()
    cases = [{"messages": messages, **variables} for messages in CONVERSATIONS for variables in VARIABLES]
    heads = ["template", "conversations", "same text", "refused by both", "different"]
    table = [heads, ["---"] + ["---:"] * (len(heads) - 1)]
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "conversations.jsonl")
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(json.dumps(case, ensure_ascii=False) + "\n" for case in cases)
        for template in arguments.templates:
            with open(template, encoding="utf-8", newline="") as f:
                source = f.read()
            run = subprocess.run([arguments.lorikeet, "debug", "template", "--template", template, "--conversations", path],
                                 capture_output=True, text=True)
            whole = run.stderr.strip() if run.returncode else None
            found = [{"error": whole}] * len(cases) if whole else [json.loads(line) for line in run.stdout.split("\n")[:-1]]
            same = refused = wrong = 0
            for case, own in zip(cases, found):
                other, error = expected(source, case)
                if "text" in own and own["text"] == other:
                    same += 1
                elif "error" in own and error is not None:
                    refused += 1
                else:
                    wrong += 1
                    if wrong <= arguments.examples:
                        print(f"{template}\n  case     {json.dumps(case, ensure_ascii=False)[:300]}\n  expected {other!r} {error}\n  found    {own}")
            failures += wrong
            name = os.path.splitext(os.path.basename(template))[0]
            table.append([name, str(len(cases)), str(same), str(refused), str(wrong)])
            print("| " + " | ".join(table[-1]) + " |", flush=True)
    if arguments.table:
        with open(arguments.table, "w", encoding="utf-8") as f:
            f.writelines("| " + " | ".join(row) + " |\n" for row in table)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
