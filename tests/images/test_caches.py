"""Listing the prepared caches, and removing them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

import imagewright as iw
from imagewright.cli import main
from imagewright.errors import UserError
from imagewright.files import cache_folder, locked
from imagewright.images import open_images
from imagewright.images.cache.management import caches, clear_caches


def days_ago(path: Path, days: float) -> None:
    then = time.time() - days * 86_400
    os.utime(path, (then, then))


def test_caches_are_listed_with_their_sources_least_recently_used_first(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "caches"
    assert caches(place) == []
    for size in (8, 12):
        open_images(folder, size=size, cache_dir=place).prepare()
    older, newer = caches(place)
    assert {older.shape[1:], newer.shape[1:]} == {(8, 8, 3), (12, 12, 3)}
    assert older.source == newer.source == str(folder)
    assert newer.size >= int(np.prod(newer.shape))
    for path in place.glob(f"{newer.fingerprint}.*"):
        days_ago(path, 3)
    assert caches(place)[0].fingerprint == newer.fingerprint
    open_images(folder, size=newer.shape[1], cache_dir=place).prepare()  # used again
    assert caches(place)[-1].fingerprint == newer.fingerprint


def test_removed_caches_are_made_again_and_nothing_else_is_touched(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "caches"
    images = open_images(folder, size=8, cache_dir=place).prepare()
    before = images.batch(np.arange(len(images))).images
    (place / "notes.txt").write_text("mine")
    old = caches(place)
    for path in place.glob(f"{old[0].fingerprint}.*"):
        days_ago(path, 10)
    open_images(folder, size=12, cache_dir=place).prepare()
    assert clear_caches(folder=place, unused_for=30) == []
    assert [each.shape[1] for each in clear_caches(folder=place, unused_for=5)] == [8]
    assert np.array_equal(images.batch(np.arange(len(images))).images, before)  # what is open stays readable
    assert len(clear_caches(folder=place)) == 1
    assert [path.name for path in place.iterdir()] == ["notes.txt"]
    assert np.array_equal(open_images(folder, size=8, cache_dir=place).batch(np.arange(len(images))).images, before)


def test_unfinished_caches_are_listed_but_not_while_they_are_being_prepared(tmp_path: Path) -> None:
    (tmp_path / "dead.part").write_bytes(bytes(5000))
    (tmp_path / "alive.part").write_bytes(bytes(5000))
    with locked(tmp_path / "alive.lock"):
        (only,) = caches(tmp_path)
    assert (only.fingerprint, only.unfinished) == ("dead", True)


def test_the_public_names(folder: Path) -> None:
    open_images(folder, size=8).prepare()
    (found,) = iw.caches()
    assert found.to_dict()["shape"] == (6, 8, 8, 3)
    assert iw.clear_caches(unused_for=1) == []
    with pytest.raises(UserError, match="unused_for=-1"):
        iw.clear_caches(unused_for=-1)
    assert iw.clear_caches() == [found]
    assert iw.caches() == []


def test_the_command_lists_and_clears(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path / "caches"))
    open_images(folder, size=8).prepare()
    assert main(["data", "cache"]) == 0
    printed = capsys.readouterr().out
    assert f"6 of 8x8x3 {folder}" in " ".join(printed.split())
    assert f"1 caches, 0.0 MiB in {cache_folder(None)}." in printed
    assert main(["data", "cache", "--clear", "--unused-for", "1"]) == 0
    assert "0 of 1 caches removed" in capsys.readouterr().out
    assert main(["data", "cache", "--unused-for", "1"]) == 2
    assert main(["data", "cache", "--clear"]) == 0
    assert "1 of 1 caches removed" in capsys.readouterr().out
