"""`imagewright models`: the list, and the page of a model."""

from __future__ import annotations

import pytest

from imagewright.catalogue import list_models
from imagewright.cli import main


def test_the_page_of_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "swap"]) == 0
    page = capsys.readouterr().out
    for part in (
        "face swapping between two people",
        "arXiv:2005.05535",
        "translate",
        "imagewright train swap faces-of-source/ faces-of-target/",
        "--architecture",
        "df, liae, amp",
        "imagewright train swap --help",
        "Departures:",
    ):
        assert part in page
    assert "Shape letters" not in page


def test_every_model_has_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    for entry in list_models():
        assert main(["models", entry.name]) == 0
        assert entry.paper.split(",")[0] in capsys.readouterr().out


def test_an_unknown_model_is_named_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "vea"]) == 2
    assert "Did you mean 'vae'" in capsys.readouterr().err
