"""Atomic writing, and errors of the file system in plain words."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from imagewright.errors import RunError
from imagewright.files import atomic_write, explain_write_errors, write_whole


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b" / "text.txt", "é")
    write_whole(tmp_path / "a" / "bytes", b"\x00\xff")
    assert (tmp_path / "a" / "b" / "text.txt").read_bytes() == "é".encode()
    assert (tmp_path / "a" / "bytes").read_bytes() == b"\x00\xff"


def test_a_written_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_whole(tmp_path / "whole", "text")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail_half_way() -> None:
        with atomic_write(path) as temporary:
            temporary.write_text("ha")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail_half_way()
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["file.txt"]


def test_the_content_is_flushed_before_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.txt"
    flushed: list[tuple[int, bool]] = []

    def fsync(descriptor: int) -> None:
        flushed.append((os.fstat(descriptor).st_size, path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    write_whole(path, "content")
    assert flushed[0] == (7, False)
    assert len(flushed) == 2, "the folder is flushed after the rename"
    assert flushed[1][1]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full: free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "no permission to write there"),
        (errno.EROFS, "read-only: choose another place"),
    ],
)
def test_errors_of_the_file_system_are_explained_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def refuse(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(RunError, match=f"Cannot write {path}: .*{words}"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.parametrize("below", ["x.txt", "folder/x.txt"])
def test_a_file_where_a_folder_was_meant(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(RunError, match="a part of that path is a file, not a folder"):
        write_whole(tmp_path / "file" / below, "new")
    assert (tmp_path / "file").read_text() == "precious"


def test_a_folder_where_a_file_was_meant(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(RunError, match="that is a folder: name a file in it"):
        write_whole(tmp_path / "folder", "new")


def test_a_full_disk_is_recognised_in_the_message_of_safetensors(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="the disk is full"), explain_write_errors(tmp_path):
        raise ValueError("I/O error: No space left on device (os error 28)")


def test_other_errors_are_not_touched(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), explain_write_errors(tmp_path):
        raise ZeroDivisionError
    with pytest.raises(InterruptedError), explain_write_errors(tmp_path):
        raise InterruptedError(errno.EINTR, "interrupted")
