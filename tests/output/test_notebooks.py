"""What a notebook shows of results: pictures embedded and bounded, names escaped; and the bar of a training."""

from __future__ import annotations

import base64
import io
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright.notebooks import LARGEST_SIDE, MOST_LINES, embedded_picture, in_notebook, lines_html

STEERING = "<script>alert('x')</script>"


def pictures_in(shown: str) -> list[Image.Image]:
    """The pictures that some HTML embeds."""
    found = re.findall(r"""src=['"]data:image/webp;base64,([^'"]+)""", shown)
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Results whose names hold markup."""
    pictures = simple_pictures(24, (12, 12))
    run = train_tiny("pca", pictures, tmp_path_factory.mktemp("runs") / "<script>", components=6)
    labelled = iw.open_images(pictures).with_labels(np.arange(24) % 2, (STEERING, "other"))
    return {
        "images": labelled,
        "run": train_tiny("dcgan", pictures, tmp_path_factory.mktemp("dcgan") / "<script>"),
        "scores": iw.evaluate(run, pictures, metrics="reconstruction"),
        "traversal": iw.traverse(run, count=2, steps=3),
        "directions": iw.directions(run, count=2),
        "components": iw.components(labelled, components=4),
        "forecast": iw.plan_training("pca", pictures),
    }


WITH_PICTURES = ("images", "run", "traversal", "directions")


@pytest.mark.parametrize("kind", [*WITH_PICTURES, "scores", "components", "forecast"])
def test_a_result_shows_itself_without_markup_of_names(kind: str, results: dict[str, Any]) -> None:
    shown = results[kind]._repr_html_()
    assert "<script" not in shown
    assert 20 < len(shown) < 400_000
    pictures = pictures_in(shown)
    assert bool(pictures) == (kind in WITH_PICTURES)
    assert all(max(picture.size) <= LARGEST_SIDE for picture in pictures)
    assert shown.count("<img") == shown.count("alt=")


def test_names_are_there_escaped(results: dict[str, Any]) -> None:
    assert "&lt;script&gt;" in results["images"]._repr_html_()
    assert "&lt;script&gt;" in results["run"]._repr_html_()
    assert "&lt;script&gt;" in results["scores"]._repr_html_()


def test_scores_are_a_table_of_what_their_lines_say(results: dict[str, Any]) -> None:
    scores = results["scores"]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", scores._repr_html_())
    assert len(cells) == 3 * len(scores.scores)
    for line, value in zip(scores.lines(), cells[2::3], strict=True):
        assert line.endswith(value)


def test_a_small_picture_is_embedded_to_the_pixel_and_a_large_one_is_shrunk() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    (small,) = pictures_in(embedded_picture(Image.fromarray(pixels), "noise"))
    assert np.array_equal(np.asarray(small), pixels)
    (large,) = pictures_in(embedded_picture(Image.new("L", (4000, 1000), 7), "grey"))
    assert large.size == (1200, 300)


def test_many_lines_are_cut_with_their_number() -> None:
    assert f"... and {5:,} more lines" in lines_html(["a"] * (MOST_LINES + 5))


class Handle:
    """Stands for IPython's display handle."""

    def __init__(self, shown: list[str]) -> None:
        self.shown = shown

    def update(self, thing: str) -> None:
        self.shown.append(thing)


@pytest.fixture
def elements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the kernel of a notebook was asked to show; the first entry starts an element, the others replace it."""
    shown: list[str] = []

    def display(thing: str, *, display_id: bool) -> Handle:
        assert display_id
        assert not shown, "one element for a training"
        shown.append(thing)
        return Handle(shown)

    class Shell:
        def has_trait(self, name: str) -> bool:
            return name == "kernel"

    kernel, displays = ModuleType("IPython"), ModuleType("IPython.display")
    kernel.get_ipython = Shell  # type: ignore[attr-defined]
    displays.HTML, displays.display = str, display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    monkeypatch.setitem(sys.modules, "IPython.display", displays)
    return shown


def test_a_training_in_a_notebook_is_one_element(
    elements: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_notebook()
    # train_tiny is silent, so that the reporter is left to `train` here.
    options = {"latent_dim": 4, "width": 4, "images_seen": 64, "batch_size": 8}
    iw.train("vae", simple_pictures(16, (16, 16)), out=tmp_path / "<b>run", **options)
    assert capsys.readouterr() == ("", "")
    assert 2 <= len(elements) < 40
    assert "64 / 64 images" in elements[-1]
    assert 'value="1.0000"' in elements[-1]
    assert "reconstruction" in elements[-1], "the losses"
    assert not any("<b>" in element for element in elements)
