"""Figures: one style, whatever the current folder holds."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from imagewright.output.figures import new_figure, render_figure, save_figure

PROGRAM = """
from imagewright.output.figures import new_figure, render_figure, save_figure
with new_figure(2, 2) as figure:
    figure.subplots().plot([0, 1], label="$x_1$")
    save_figure(figure, "figure.png")
"""


def draw(folder: Path) -> bytes:
    """A figure drawn by a new process in the folder."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-P", "-c", PROGRAM], cwd=folder, env=environment, check=True)
    return (folder / "figure.png").read_bytes()


@pytest.mark.learning
def test_settings_of_matplotlib_in_the_current_folder_change_nothing(tmp_path: Path) -> None:
    plain, found = tmp_path / "plain", tmp_path / "found"
    plain.mkdir()
    found.mkdir()
    settings = "text.usetex: True\nlines.linewidth: 9\naxes.facecolor: red\nsavefig.dpi: 20\nbackend: module://evil\n"
    (found / "matplotlibrc").write_text(settings)
    (found / "evil.py").write_text("open('run', 'w')")
    assert draw(found) == draw(plain)
    assert not (found / "run").exists()


def test_dollars_in_names_are_no_formula(tmp_path: Path) -> None:
    names = [r"$\frac0$", "cash $5 and $6", "a_b^c $ \u5b57"]
    with warnings.catch_warnings(), new_figure(3, 3) as figure:
        warnings.simplefilter("error")
        axes = figure.add_subplot()
        axes.bar(names, [1, 100, 1000])
        axes.set_yscale("log")
        save_figure(figure, tmp_path / "names.svg")
        render_figure(figure)
        plain = [label for label in axes.get_xticklabels() if not label.get_parse_math()]
        powers = [label for label in axes.get_yticklabels() if label.get_parse_math()]
    assert [label.get_text() for label in plain] == names
    assert powers
