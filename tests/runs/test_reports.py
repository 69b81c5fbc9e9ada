"""The last report of metrics.jsonl, which is read from its end."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from imagewright.runs import reports
from imagewright.runs.reports import Reports


@pytest.mark.parametrize("seed", range(20))
def test_the_last_report_is_that_of_a_whole_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(reports, "ENDING", 64)
    chosen = random.Random(seed)
    kinds = [b'{"images_seen": %d, "seconds": 1.0}', b"", b"[]", b"{", b'{"images_seen": "x%d"}', b"\xff" * 90]
    lines = [each % number if b"%d" in each else each for number in range(9) for each in chosen.choices(kinds, k=1)]
    content = b"\n".join(lines) + chosen.choice([b"", b"\n", b"\n\n", b'\n{"images_seen": 3'])
    (tmp_path / "metrics.jsonl").write_bytes(content)
    found = list(Reports(tmp_path / "metrics.jsonl"))
    assert Reports(tmp_path / "metrics.jsonl").last() == (found[-1] if found else None)


def test_a_long_file_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"images_seen": number}) + "\n" for number in range(20_000)))
    parsed: list[bytes] = []
    whole = reports._parse_report
    monkeypatch.setattr(reports, "_parse_report", lambda text: parsed.append(text) or whole(text))
    assert Reports(path).last() == {"images_seen": 19_999}
    assert len(parsed) < 3


def test_no_file_has_no_report(tmp_path: Path) -> None:
    assert Reports(tmp_path / "metrics.jsonl").last() is None
