"""File names of any bytes in outputs: tables, pages, sheets, figures, and names as long as a disk allows."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import numpy as np
import pytest

from imagewright.files import atomic_write, cut_name, write_whole
from imagewright.output.figures import new_figure, save_figure
from imagewright.output.grids import draw_grid
from imagewright.output.names import encode_text, safe_cell, visible
from imagewright.output.tables import write_table
from imagewright.output.writing import write_images_folder
from imagewright.runs.report.html import page, text

LATIN1 = "lat\udce9.png"
SIX = np.zeros((6, 3, 8, 8), np.uint8)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (LATIN1, r"lat\xe9.png"),
        ("two\nlines\t", r"two\nlines\t"),
        ("\x1b[31m", r"\x1b[31m"),
        ("ゾウ🐘", "ゾウ🐘"),
        ("ü", "ü"),
    ],
)
def test_visible_text_is_one_line_that_can_be_written(name, shown) -> None:
    assert visible(name) == shown
    assert visible(name).encode()


@pytest.mark.parametrize(
    "name", ["=cmd|' /C calc'!A0.png", "+1.png", "-rf.png", "@sum(1).png", "\t=1.png", "=1", "@class"]
)
def test_no_name_in_a_table_is_a_formula(tmp_path, name) -> None:
    written = write_table(tmp_path / "a.csv", ["name", "score"], [[name, "-1.5e3"]])
    rows = list(csv.reader(io.StringIO(written.read_text())))
    assert rows[1][0][0] in "./'"
    assert rows[1][1] == "-1.5e3"
    if "." in name:  # the same file still, for programs that read the table
        assert os.path.normpath(rows[1][0]) == name


def test_numbers_and_other_names_stay(tmp_path) -> None:
    for cell in ("-1", "+0.5", "-inf", -3.5, None, "a=b", "cats/-1.png", "é-1"):
        assert safe_cell(cell) == cell


def test_scores_of_runs_are_no_formulas_either() -> None:
    from imagewright.runs.scores import Score, as_csv

    score = Score("=1+1", "fd", "fd", "Frechet distance", -2.0, "lower", {}, "key")
    assert as_csv([score]).splitlines()[1].startswith("'=1+1,")
    assert "-2.0" in as_csv([score])


def test_text_files_and_tables_keep_the_bytes_of_names(tmp_path) -> None:
    write_whole(tmp_path / "a.html", page(LATIN1, [text(LATIN1)]))
    assert rb"lat\xe9.png" in (tmp_path / "a.html").read_bytes()
    write_whole(tmp_path / "a.txt", LATIN1)
    assert (tmp_path / "a.txt").read_bytes() == b"lat\xe9.png"
    write_table(tmp_path / "a.csv", ["name"], [[LATIN1]])
    assert b"lat\xe9.png" in (tmp_path / "a.csv").read_bytes()
    assert encode_text("\ud800") == b"?"


def test_sheets_and_figures_show_any_name(tmp_path) -> None:
    names = [LATIN1, "new\nline", "tab\t", "\x00", "🐘", "a"]
    assert draw_grid(SIX, captions=names, title=LATIN1, row_labels=None).size
    assert draw_grid(SIX, row_labels=names[:2]).size
    for suffix in ("png", "svg", "pdf"):
        with new_figure(3, 2) as figure:
            figure.suptitle(LATIN1)
            figure.add_subplot().set_xlabel(LATIN1)
            assert save_figure(figure, tmp_path / f"a.{suffix}").stat().st_size


@pytest.mark.parametrize("length", [200, 240, 246, 251, 255])
@pytest.mark.parametrize("letter", ["x", "é", "\udce9"])
def test_names_as_long_as_the_disk_allows_are_written(tmp_path, length, letter) -> None:
    size = len(os.fsencode(letter))
    name = letter * ((length - 4) // size) + ".png"
    with atomic_write(tmp_path / name) as temporary:
        temporary.write_bytes(b"1")
    assert (tmp_path / name).read_bytes() == b"1"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_suffix_that_is_most_of_the_name(tmp_path) -> None:
    write_whole(tmp_path / ("a." + "b" * 250), "1")


def test_cut_names_keep_whole_letters() -> None:
    assert cut_name("ééé", 5) == "éé"
    assert cut_name("abc", 3) == "abc"


def test_pictures_in_a_folder_keep_long_names(tmp_path) -> None:
    names = [f"{'n' * 250}.jpg", f"a/{'m' * 251}.bmp"]
    written = write_images_folder(SIX[:2], tmp_path, names=names)
    assert [path.stem for path in written] == ["n" * 250, "m" * 251]
    numbered = write_images_folder(SIX[:2], tmp_path / "two", names=[f"{part}/{'n' * 251}.png" for part in "ab"])
    assert len({path.name for path in numbered}) == 2
    assert all(isinstance(path, Path) and path.is_file() for path in numbered)
