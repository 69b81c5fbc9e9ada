"""What the page of a tour says of paths, and that its commands still work."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from imagewright.tours.paths import is_name_alone, set_name, shown_command, shown_path, shown_text


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder in the home folder of somebody."""
    folder = tmp_path / "home" / "anna" / "work"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "anna"))
    monkeypatch.chdir(folder)
    return folder


def test_typed_paths_stay_and_absolute_ones_are_shown_from_here_or_from_home(work: Path) -> None:
    home = work.parent
    for typed in ("photos", "../photos", "./photos/cats", "shapes:count=200,size=32", "photos.zip"):
        assert shown_path(typed) == typed
    assert shown_path(str(work / "photos")) == "photos"
    assert shown_path(str(home / "my photos")) == "~/my photos"
    assert shown_path(str(home.parent / "ben" / "photos")) == "../../ben/photos"
    assert not is_name_alone(str(home / "photos"))


def test_a_path_elsewhere_is_its_name_alone(work: Path) -> None:
    assert shown_path("/elsewhere/of/ben/photos") == "photos"
    assert is_name_alone("/elsewhere/of/ben/photos")
    assert not is_name_alone("photos")


def test_from_the_root_of_the_disk_a_path_is_its_name_alone(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert shown_path("/elsewhere/of/ben/photos") == "photos"


def test_a_shown_command_reads_the_same_files(work: Path) -> None:
    for folder in (work / "the set", work.parent / "my photos"):
        folder.mkdir()
        (folder / "here").write_text(folder.name)
        command = shown_command(f"cat '{folder / 'here'}'")
        assert str(work.parent) not in command
        assert subprocess.check_output(["sh", "-c", command], text=True) == folder.name
    assert shown_command(f"x '--labels={work / 'a b.csv'}'") == "x '--labels=a b.csv'"


@pytest.mark.parametrize("option", ["--only", "--exclude"])
def test_patterns_of_names_stay_as_they_were_typed(work: Path, option: str) -> None:
    patterns = "'/sub/*.png' '~/*' /elsewhere/of/ben/photos"
    assert shown_command(f"x /elsewhere/a {option} {patterns} --out /elsewhere/b") == f"x a {option} {patterns} --out b"
    assert shown_command(f"x '{option}=/sub/*.png' --out=/elsewhere/b") == f"x '{option}=/sub/*.png' --out=b"


def test_sentences_name_files_and_folders_without_those_above(work: Path) -> None:
    source = str(work / "my set of photos")
    said = f"64 pictures against 64 of {source} and /srv/ben/labels.csv in A/B, and/or 3/4."
    assert (
        shown_text(said, (source,)) == "64 pictures against 64 of my set of photos and labels.csv in A/B, and/or 3/4."
    )


@pytest.mark.parametrize(
    ("source", "name"),
    [("a/photos", "photos"), ("photos.zip", "photos.zip"), (r"C:\Users\anna\photos", "photos"), ("shapes", "shapes")],
)
def test_the_name_of_a_set(source: str, name: str) -> None:
    assert set_name(source) == name


def test_the_working_folder_has_its_own_name(work: Path) -> None:
    assert set_name(".") == "work"
