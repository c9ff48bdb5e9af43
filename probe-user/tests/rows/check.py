"""Reads what `probe capture` wrote of each capture in a folder, with Python's json and csv: every object and row
has all columns, both say the same, and `info` is the text of the line. Prints how many frames there were."""

import csv
import json
import pathlib
import sys

csv.field_size_limit(1 << 30)


def objects(path):
    # The ends of lines are those of the output: not U+2028 and its like, which text may hold.
    with open(path, encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file]


def as_csv(value):
    return "" if value is None else str(value)


frames = 0
for text in sorted(pathlib.Path(sys.argv[1]).glob("*.text")):
    packets = objects(text.with_suffix(".json"))
    with open(text.with_suffix(".csv"), encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file, strict=True) if text.with_suffix(".csv").stat().st_size else [[]]
    assert len(rows) == len(packets), f"{text.name}: {len(rows)} rows, {len(packets)} objects"
    for row, packet in zip(rows, packets):
        assert packet.pop("version") == 1, packet
        assert list(packet) == head, f"{text.name}: {list(packet)}, {head}"
        assert [as_csv(value) for value in packet.values()] == row, f"{text.name}: {packet}, {row}"
    assert [packet["number"] for packet in packets] == list(range(1, len(packets) + 1))
    lines = "".join(packet["info"] + "\n" for packet in packets)
    with open(text, encoding="utf-8", newline="") as file:
        expected = file.read()
    assert lines == expected, f"{text.name}: the text is another one"
    frames += len(packets)
print(frames)
