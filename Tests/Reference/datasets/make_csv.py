"""Writes Tests/Fixtures/datasets/quoting.csv with Python's csv module (standard library only).

The values hold every character that RFC 4180 quotes; MetadataFileTests.swift repeats them.
"""

import csv
import pathlib

ROWS = [
    ["a.png", "plain", "one", "train"],
    ["b, c.png", 'says "hello", twice', "two", "val"],
    ["d.png", "two\nlines", "one", "test"],
    ["ü/é.png", "Käfer 🐞", "drei", "train"],
    ["e.png", "", "", ""],
]

target = pathlib.Path(__file__).parents[2] / "Fixtures" / "datasets" / "quoting.csv"
with open(target, "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    writer.writerow(["file_name", "caption", "label", "split"])
    writer.writerows(ROWS)
