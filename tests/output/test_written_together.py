"""Several files are written together or not at all: on an error, a full disk and Ctrl-C in the middle."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright.cli import main
from imagewright.errors import RunError
from imagewright.files import write_whole, written_together
from imagewright.output.writing import write_images_folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny("pca", simple_pictures(24, (8, 8)), tmp_path_factory.mktemp("runs") / "pca", components=6).path


def fail_at(number: int, monkeypatch: pytest.MonkeyPatch, how: Callable[[], BaseException]) -> None:
    """The write of file `number` (from 0) raises, as on a full disk."""
    flushed, real = [0], os.fsync

    def fsync(descriptor: int) -> None:
        if os.path.isfile(f"/proc/self/fd/{descriptor}"):
            flushed[0] += 1
            if flushed[0] == number + 1:
                raise how()
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)


def full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


COMMANDS = {
    "sample": "sample RUN --count 5",
    "components": "components digits --components 4 --size 8",
    "cluster": "cluster digits --clusters 2 --map pca",
}


@pytest.mark.parametrize("how", [full, KeyboardInterrupt])
@pytest.mark.parametrize("name", ["sample", "components", "cluster"])
def test_a_command_that_fails_in_the_middle_leaves_nothing(
    name: str,
    how: Callable[[], BaseException],
    run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    iw.open_images("digits", 8).prepare()  # caches are written too
    typed = COMMANDS[name].replace("RUN", str(run)).split()
    fail_at(2, monkeypatch, how)
    code = main([*typed, "--out", str(tmp_path / "new" / "folder")])
    printed = capsys.readouterr().err
    assert code == (130 if how is KeyboardInterrupt else 2), printed
    assert "Nothing was written." in printed
    assert ("the disk is full" in printed) == (how is full)
    assert names(tmp_path) == []


def test_replaced_files_stay_as_they_were_until_all_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = np.zeros((3, 1, 8, 8), np.uint8), np.full((3, 1, 8, 8), 255, np.uint8)
    write_images_folder(old, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with monkeypatch.context() as patched:
        fail_at(2, patched, full)
        with pytest.raises(RunError, match="the disk is full"):
            write_images_folder(new, tmp_path, force=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    write_images_folder(new, tmp_path, force=True)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert after.keys() == before.keys()
    assert all(after[name] != before[name] for name in before)


def test_groups_within_groups_wait_for_the_outer_one(tmp_path: Path) -> None:
    with written_together():
        with written_together():
            write_whole(tmp_path / "a" / "one", "1", is_result=True)
        assert not (tmp_path / "a" / "one").exists()
        write_whole(tmp_path / "a" / "two", "2", is_result=True)
        write_whole(tmp_path / "cache", "3")
        assert (tmp_path / "cache").read_text() == "3"
    assert names(tmp_path) == ["a", "a/one", "a/two", "cache"]


def test_many_files_need_no_open_file_each(tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 128), hard))
    try:
        write_images_folder(np.zeros((300, 1, 2, 2), np.uint8), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(names(tmp_path)) == 300


def test_ctrl_c_while_names_are_given_is_heeded_after_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = Path.replace, [0]

    def replace(path: Path, target: Path) -> Path:
        calls[0] += 1
        done = real(path, target)
        if calls[0] == 2:
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        write_images_folder(np.zeros((4, 1, 2, 2), np.uint8), tmp_path)
    assert len(names(tmp_path)) == 4


def test_a_score_has_its_table_and_its_sheet_or_neither(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    iw.open_images("digits", 8, 3).prepare()
    fail_at(1, monkeypatch, full)
    assert main(["score", str(run), "digits", "--out", str(tmp_path / "x.csv")]) == 2
    assert names(tmp_path) == []
    assert capsys.readouterr().out == ""


def test_caches_that_are_made_while_results_are_written_are_read_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, picture in enumerate(simple_pictures(24, (40, 40))):
        Image.fromarray(picture.transpose(1, 2, 0)).save(folder / f"{number}.png")
    assert main(["cluster", str(folder), "--clusters", "2", "--out", str(tmp_path / "out")]) == 0, capsys.readouterr()
    assert len(names(tmp_path / "out")) == 5
    assert main(["outliers", str(folder), "--out", str(tmp_path / "odd")]) == 0, capsys.readouterr()
