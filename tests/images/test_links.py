"""Links in folders: each picture is counted once, whatever leads to it, and what was passed over is said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagewright.images import open_images


def notes_of(source: Path, **options: object) -> str:
    return "\n".join(open_images(source, **options).notes)


def test_a_link_to_the_folder_itself_counts_nothing_twice(folder) -> None:
    (folder / "self").symlink_to(".")
    (folder / "again").symlink_to(folder)
    images = open_images(folder)
    assert images.names() == [f"{number}.png" for number in range(6)]
    assert "2 links to folders that hold the source (again, self)" in notes_of(folder)


def test_links_to_folders_above_are_not_followed(folder, picture) -> None:
    picture(9).save(folder.parent / "outside.png")
    inner = folder / "inner"
    inner.mkdir()
    picture(10).save(inner / "x.png")
    (inner / "up").symlink_to("..")
    (inner / "top").symlink_to("../..")
    assert len(open_images(folder)) == 7


def test_a_folder_reached_by_itself_and_by_a_link_is_read_by_its_own_name(folder, picture) -> None:
    (folder / "z").mkdir()
    picture(9).save(folder / "z" / "x.png")
    (folder / "a").symlink_to("z")
    assert open_images(folder).names()[-1] == "z/x.png"
    assert "1 links to folders listed already (a)" in notes_of(folder)


def test_a_link_to_a_folder_elsewhere_is_followed(folder, tmp_path, picture) -> None:
    (tmp_path / "more").mkdir()
    picture(9).save(tmp_path / "more" / "x.png")
    (folder / "more").symlink_to(tmp_path / "more")
    assert "more/x.png" in open_images(folder).names()


@pytest.mark.parametrize("make", [os.symlink, os.link])
def test_a_second_name_of_a_file_is_passed_over(folder, make) -> None:
    make(folder / "3.png", folder / "0-again.png")
    images = open_images(folder)
    assert len(images) == 6
    assert "links to pictures listed already" in notes_of(folder)
    if make is os.symlink:  # the name that is no link stays
        assert "3.png" in images.names()


def test_files_shared_by_two_parts_are_in_both(tmp_path, picture) -> None:
    for part in ("train", "val"):
        (tmp_path / part).mkdir()
        picture(len(part)).save(tmp_path / part / "own.png")
    os.link(tmp_path / "train" / "own.png", tmp_path / "val" / "shared.png")
    assert len(open_images(tmp_path, split="val")) == 2
    assert len(open_images(tmp_path, split="train")) == 1


def test_links_alone_are_a_source(tmp_path, folder) -> None:
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    for number in (1, 4):
        (chosen / f"{number}.png").symlink_to(folder / f"{number}.png")
    assert open_images(chosen).names() == ["1.png", "4.png"]
    assert not open_images(chosen).notes


def test_dead_links_and_fifos_are_counted(folder) -> None:
    (folder / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(folder / "pipe.png")
    assert len(open_images(folder)) == 6
    assert "1 dead links (gone.png)" in notes_of(folder)
    assert "1 no regular files (pipe.png)" in notes_of(folder)
