"""What Python prints of a result: one line that says what it is and how to show it, and no tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tiny import simple_pictures, train_tiny

import imagewright as iw

LONGEST = 320  # characters


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("runs")
    pictures = simple_pictures(24, (8, 8))
    run = train_tiny("pca", pictures, folder / "pca", components=6)
    labelled = iw.open_images(pictures).with_labels(np.arange(24) % 2, ("one", "other"))
    directions = iw.directions(run, count=2, save={0: "wide"})
    traversal = iw.traverse(run, count=2, steps=3)
    return {
        "Sheet": iw.sample_sheet(run, 4),
        "EditSheet": iw.edit_sheet(run, [0], {"wide": 1.0}),
        "Traversal": traversal,
        "SheetStack": traversal.sheet(),
        "Manifold": iw.manifold(run, 3),
        "Edited": iw.edit(run, [0, 1], {"wide": [1.0, 2.0]}),
        "ArithmeticResult": iw.arithmetic(run, "0:1 + wide", around=2),
        "Attribute": iw.attribute(run, labelled, "one"),
        "Directions": directions,
        "Neighbours": iw.neighbours(run, pictures, count=12),
        "Projection": iw.project(run, pictures[:2], steps=1),
        "Components": iw.components(labelled, components=4),
        "Clusters": iw.cluster(labelled, clusters=2),
        "Batch": labelled.batch(np.arange(3)),
    }


EXPECTED = {
    "Sheet": ("pca: 4 samples, seed 0: 4 pictures of 8x8", "iw.show(sheet) shows it, .write(path) writes it"),
    "EditSheet": ("1 picture of 8x8", ".write(path)"),
    "Traversal": ("1 sheet (latents)", ".sheet()"),
    "SheetStack": ("1 sheet (latents)", ".write(path)"),
    "Manifold": ("9 pictures of 8x8 over", ".write(path)"),
    "Edited": ("seed 0, seed 1 at 2 strengths; .images (2, 2) of 8x8, .latents",),
    "ArithmeticResult": ("0:1 + wide; .image and 2 .variations, .sheet() shows it",),
    "Attribute": ("one, from", ".direction, .scale, .sheet() shows it, .lines() says more"),
    "Directions": ("2 directions by activations", ".move("),
    "Neighbours": (".sheet() shows it",),
    "Projection": ("000000, 000001", " dB", ".latents"),
    "Components": ("4 components (pca) of 24 pictures",),
    "Clusters": ("2 clusters of 24 pictures in looks",),
    "Batch": ("3 pictures of 8x8, with labels",),
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_a_result_says_in_a_line_what_it_is(kind: str, results: dict[str, Any]) -> None:
    text = repr(results[kind])
    assert text.startswith(f"<{kind}: ")
    for part in EXPECTED[kind]:
        assert part in text
    assert len(text) <= LONGEST
    assert "\n" not in text
    assert "tensor(" not in text


def test_a_long_title_is_cut() -> None:
    assert len(repr(iw.Sheet(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), title="long " * 100))) <= LONGEST
