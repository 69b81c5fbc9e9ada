"""The reports of a run, read from metrics.jsonl line by line, so that memory does not grow with their number."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imagewright.json_files import JsonError, parse_json
from imagewright.regular_files import explain_read_errors, open_regular
from imagewright.runs.schemas import ReportRecord, find_fault

LONGEST_REPORT = 1 << 20  # bytes of a line of metrics.jsonl
ENDING = 1 << 16  # bytes in which the last report is looked for first


class Reports:
    """Every report in a file, in order; none if there is no file. Each iteration reads the file anew.

    path: metrics.jsonl.
    start: byte at which a line begins, from which on they are read.

    end: byte after the last whole line that the last iteration has read.
    damaged: lines that are no reports, as far as the last iteration has read. A last line that a kill cut short is not
        counted.
    """

    def __init__(self, path: Path, start: int = 0) -> None:
        self.path, self.start = path, start
        self.end = start
        self.damaged = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self.damaged, self.end = 0, self.start
        try:
            with open_regular(self.path) as file, explain_read_errors(self.path):
                file.seek(self.start)
                while text := file.readline(LONGEST_REPORT):
                    self.end = file.tell() if text.endswith(b"\n") else self.end
                    report = _parse_report(text)
                    if report is not None:
                        yield report
                    elif text.endswith(b"\n") and text.strip():
                        self.damaged += 1
        except FileNotFoundError:
            pass

    def last(self) -> dict[str, Any] | None:
        """The last report; None if there is none. Read from the end of the file, whose length then does not matter."""
        try:
            with open_regular(self.path) as file, explain_read_errors(self.path):
                size, taken = file.seek(0, os.SEEK_END), ENDING
                while True:
                    begin = max(self.start, size - taken)
                    file.seek(begin)
                    lines = file.read(size - begin).split(b"\n")
                    whole = lines if begin == self.start else lines[1:]  # the first one is cut
                    for text in reversed(whole):
                        report = _parse_report(text) if len(text) < LONGEST_REPORT else None
                        if report is not None:
                            return report
                    if begin == self.start:
                        return None
                    taken *= 8
        except FileNotFoundError:
            return None

    def damage_note(self) -> str | None:
        """A sentence that counts the damaged lines; None if there are none."""
        lines = "1 line is" if self.damaged == 1 else f"{self.damaged:,} lines are"
        return f"{self.path}: {lines} damaged and left out." if self.damaged else None


def _parse_report(text: bytes) -> dict[str, Any] | None:
    """A line of metrics.jsonl; None if it is none, as a line that a kill cut short."""
    try:
        report = parse_json(text)
    except JsonError:
        return None
    return report if find_fault(report, ReportRecord) is None else None
