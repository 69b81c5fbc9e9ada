"""The report of a run: a self-contained page that shows the metrics, also if files are half written."""

from __future__ import annotations

import json
import re
import tracemalloc
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from imagewright.errors import RunError
from imagewright.output.grids import plain_grid
from imagewright.output.writing import write_image
from imagewright.runs.report.page import write_report

EMPTY_TAGS = {"meta", "img"}


class Checked(HTMLParser):
    """Parses a page, asserts that tags close in order, and collects texts, links and counts of tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.links: list[str] = []
        self.counts: dict[str, int] = {}
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in EMPTY_TAGS:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def make_run(path: Path, records: list[dict], samples: int = 0) -> Path:
    (path / "samples").mkdir(parents=True)
    about = {"model": "vae", "config": {"latent_dim": 64, "note": "<script>alert(1)</script>"}, "seed": 3}
    (path / "run.json").write_text(json.dumps(about | {"source": {"source": "photos", "count": 7200}}))
    (path / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    for index in range(samples):
        images = np.full((4, 1, 8, 8), index, np.uint8)
        write_image(plain_grid(images), path / "samples" / f"{index * 1000:09d}.png")
    return path


def record(images_seen: int, **losses: float) -> dict:
    terms = {f"train/{name}": value for name, value in losses.items()}
    return {"images_seen": images_seen, "seconds": images_seen / 100, "images_per_second": 100.0, "losses": terms}


def page_of(run: Path) -> tuple[str, Checked]:
    text = write_report(run).read_text("utf-8")
    return text, Checked(text)


def test_the_page_is_self_contained_and_escapes_texts(tmp_path: Path) -> None:
    text, page = page_of(make_run(tmp_path / "run", [record(k * 100, kl=1.0, mse=2.0) for k in range(1, 9)], samples=3))
    assert page.links
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert "http" not in re.sub(r"data:[^\"]+", "", text)
    assert "<script" not in text
    assert "<script>alert(1)</script>" in page.texts
    for value in ("64", "7200", "photos", "latent dim"):
        assert any(value in part for part in page.texts), value


def test_the_curve_ends_at_the_last_value_and_has_a_point_for_each_report(tmp_path: Path) -> None:
    text, page = page_of(make_run(tmp_path / "run", [record(k, kl=10.0 - k) for k in range(1, 8)]))
    assert "kl: 3" in page.texts
    points = re.findall(r"points='([^']+)'", text)[0].split()
    assert len(points) == 7
    places = [tuple(map(float, point.split(","))) for point in points]
    assert places == sorted(places)  # to the right and down: y grows downwards in SVG
    steps = {round(after[1] - before[1]) for before, after in pairwise(places)}
    assert len(steps) == 1


@pytest.mark.learning
def test_curves_of_long_runs_are_thinned_and_show_spikes(tmp_path: Path) -> None:
    records = [record(k, kl=100.0 if k == 7777 else 1.0) for k in range(1, 20_001)]
    text, _ = page_of(make_run(tmp_path / "run", records))
    points = re.findall(r"points='([^']+)'", text)[0].split()
    assert len(points) < 1000
    heights = [float(point.split(",")[1]) for point in points]
    assert min(heights) < 50
    assert max(heights) > 200


@pytest.mark.learning
def test_memory_does_not_grow_with_the_number_of_reports(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [record(k, kl=1.0 + k % 7, mse=2.0) for k in range(1, 30_001)])
    write_report(run)  # what is imported and remembered at the first page is no part of it
    tracemalloc.start()
    write_report(run)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6  # 17 million bytes are the buffer for run.json; all reports at once took 40 million more


def test_findings_are_as_they_were_last_found_in_whatever_report(tmp_path: Path) -> None:
    def found(evidence: str) -> dict:
        return {"name": "collapse", "evidence": evidence, "suggestion": "wait", "images_seen": 100}

    records = [record(k, kl=1.0) | {"findings": [found(f"spread {k}")] if k < 4 else []} for k in range(1, 7)]
    _, page = page_of(make_run(tmp_path / "run", records))
    text = "".join(page.texts)
    assert "spread 3" in text
    assert "spread 1" not in text
    assert "(passed since)" in text
    assert "Nothing wrong found at 6 images seen." in page.texts


def test_more_images_seen_than_asked_are_said_with_both_numbers(tmp_path: Path) -> None:
    for asked, said in ((96, "104 images seen, 96 asked"), (104, "104 images seen"), (200, "104 images seen")):
        run = make_run(tmp_path / f"run-{asked}", [record(104, kl=1.0)])
        about = json.loads((run / "run.json").read_text()) | {"plan": {"images_seen": asked}}
        (run / "run.json").write_text(json.dumps(about))
        text = "".join(page_of(run)[1].texts)
        assert f"{said} in " in text or f"{said} at " in text or f"{said}, trained on" in text
        assert (", 96 asked" in text) == (asked == 96)


def test_terms_of_very_different_size_get_panels_of_their_own(tmp_path: Path) -> None:
    near = page_of(make_run(tmp_path / "near", [record(k, kl=20.0, mse=90.0) for k in (1, 2)]))[1]
    apart = page_of(make_run(tmp_path / "apart", [record(k, kl=0.01, mse=90.0) for k in (1, 2)]))[1]
    assert apart.counts["svg"] == near.counts["svg"] + 1


def test_at_most_eight_earlier_grids_are_shown_and_always_the_newest(tmp_path: Path) -> None:
    _, page = page_of(make_run(tmp_path / "run", [], samples=30))
    assert page.counts["img"] == 9
    assert "29,000 images seen" in page.texts
    assert "0 images seen" in page.texts


def test_half_written_and_missing_files_are_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [record(100, kl=float("nan")), record(200, kl=1.5)], samples=2)
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"images_seen": 300, "loss')
    (run / "samples" / "000000500.png").write_bytes(b"half")
    _, page = page_of(run)
    assert "kl: 1.5" in page.texts
    assert page.counts["img"] == 2
    (run / "metrics.jsonl").unlink()
    assert "no report yet, trained on photos" in page_of(run)[1].texts


def test_no_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run directory"):
        write_report(tmp_path / "missing")


@pytest.mark.parametrize("key", ["derived_metrics", "readings"])  # the latter in runs of version 0.1.0
def test_metrics_derived_from_losses_are_shown(key: str, tmp_path: Path) -> None:
    records = [record(k, kl=1.0) | {key: {"train/bits_per_dim": 7.0 - k}} for k in (1, 2)]
    _, page = page_of(make_run(tmp_path / "run", records))
    assert "Derived metrics" in page.texts
    assert "bits_per_dim: 5" in page.texts
    assert "Derived metrics" not in page_of(make_run(tmp_path / "without", [record(1, kl=1.0)]))[1].texts


def test_settings_are_said_in_words_and_once(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [record(k, kl=1.0) for k in (1, 2)])
    source = {"source": "photos", "size": [40, 32], "layers": [{"name": "image", "channels": 3, "kind": "picture"}]}
    plan = {"pace": {"reports": {"first": 1632}, "checkpoints": {"first": 20_000}}, "capture": False}
    about = {"model": "vae", "config": {}, "source": source, "sources": {"images": source}, "plan": plan}
    (run / "run.json").write_text(json.dumps(about))
    text, page = page_of(run)
    assert "<code>" not in text
    for said in ("name image, channels 3, kind picture", "32x40", "pace reports", "first 1632", "first 20,000", "no"):
        assert said in page.texts, said
    assert page.texts.count("photos") == 1
    (run / "run.json").write_text(json.dumps(about | {"sources": {"a": source, "b": source | {"source": "others"}}}))
    texts = page_of(run)[1].texts
    assert [texts.count(name) for name in ("pictures a", "photos", "pictures b", "others")] == [1, 1, 1, 1]


def test_ticks_differ_and_those_of_whole_numbers_are_whole(tmp_path: Path) -> None:
    records = [record(k, kl=1234.2 + k / 10) | {"memory_bytes": (352 + k / 10) * 2**20} for k in range(1, 8)]
    text, _ = page_of(make_run(tmp_path / "run", records))
    ticks = [re.findall(r'class="tick"[^>]*>([\d.k]+)<', svg) for svg in text.split("<svg")[1:]]
    assert ticks
    assert all(len(set(each)) == len(each) for each in ticks if each)
    memory = ticks[-1]
    assert "352" in memory
    assert all(float(each).is_integer() for each in memory)
