"""What a source leaves out: formats that are not read, masks beside pictures, names that the user excludes."""

from __future__ import annotations

import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image, features

from imagewright.errors import ConfigError, DataError
from imagewright.images import check, open_images
from imagewright.images.decoding.admitted import picture_suffixes


def test_formats_that_are_not_read_are_counted_by_kind(folder) -> None:
    for name in ("a.jp2", "b.JP2", "c.tga", "0.txt", "labels.xml", "README"):
        (folder / name).write_bytes(b"something")
    shutil.copy(folder / "0.png", folder / "noend")
    note = next(note for note in open_images(folder).notes if note.startswith("Passed over"))
    assert "2 .jp2 (a.jp2, b.JP2)" in note
    assert "1 .tga" in note
    assert "1 without a suffix (noend)" in note
    assert "need theirs, such as .png" in note
    assert "txt" not in note
    assert "xml" not in note
    assert any("1 .txt" in note and "1 .xml" in note for note in check(folder).notes)


def test_files_without_a_suffix_that_are_no_pictures_get_no_advice(folder) -> None:
    (folder / "data").write_bytes(b"something")
    assert "need theirs" not in " ".join(open_images(folder).notes)


def test_members_of_a_zip_are_counted_too(folder, tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(folder / "0.png", "0.png")
        archive.writestr("a/b.tga", b"x")
        archive.writestr("__MACOSX/._0.png", b"x")
    assert [note for note in open_images(tmp_path / "all.zip").notes if "1 .tga (a/b.tga)" in note]


def test_a_folder_of_other_formats_says_which(tmp_path) -> None:
    (tmp_path / "a.tga").write_bytes(b"x")
    with pytest.raises(DataError, match=r"holds no pictures \(PNG, .*\), only 1 other file: 1 \.tga"):
        open_images(tmp_path)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif_is_read(tmp_path, picture) -> None:
    picture(1).save(tmp_path / "a.avif")
    pixels = open_images(tmp_path).prepare().batch(np.array([0])).images[0].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(pixels, np.asarray(Image.open(tmp_path / "a.avif").convert("RGB")))


def test_heic_is_read_with_its_extra_and_named_without(folder, picture) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="the extra heic is not installed")
    assert ".heic" in picture_suffixes()
    pillow_heif.from_pillow(picture(1, (64, 48)).resize((64, 48))).save(folder / "phone.HEIC")
    images = open_images(folder).prepare()
    assert "phone.HEIC" in images.names()
    assert not images.skipped


def test_heic_without_its_extra_is_counted_and_the_extra_named(folder, monkeypatch) -> None:
    from imagewright.images.decoding import admitted

    monkeypatch.setattr(admitted, "_reads_heif", lambda: False)
    for cached in (admitted.picture_suffixes, admitted.admitted_formats):
        cached.cache_clear()
    try:
        (folder / "phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
        notes = " ".join(open_images(folder).notes)
        assert "1 .heic (phone.HEIC)" in notes
        assert "imagewright[heic]" in notes
    finally:
        for cached in (admitted.picture_suffixes, admitted.admitted_formats):
            cached.cache_clear()


# Masks


@pytest.mark.parametrize(
    ("mask", "advice"),
    [("{}.png", "*.png"), ("{}_mask.png", "*_mask.*"), ("masks/{}.png", "masks/*")],
)
def test_masks_beside_pictures_are_noted_and_can_be_excluded(folder, picture, mask, advice) -> None:
    if mask == "{}.png":
        for number in range(6):
            picture(number).save(folder / f"{number}.jpg")
    if mask.startswith("masks"):
        (folder / "masks").mkdir()
        (folder / "images").mkdir()
        for number in range(6):
            shutil.move(folder / f"{number}.png", folder / "images" / f"{number}.png")
    for number in range(6):
        picture(number, mode="L").save(folder / mask.format(number))
    note = next(note for note in open_images(folder).notes if "masks have" in note or "masks of others" in note)
    assert f"--exclude '{advice}'" in note
    chosen = open_images(folder, exclude=advice)
    assert len(chosen) == 6
    assert not any("mask" in name for name in chosen.names())
    assert any("6 of 12 pictures" in note for note in chosen.notes)


def test_ordinary_names_are_no_masks(folder, picture) -> None:
    for name in ("depth", "mask", "segway", "cat_label"):
        picture(7).save(folder / f"{name}.png")
    assert open_images(folder).notes == []


# Patterns


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"only": "[0-2].png"}, ["0.png", "1.png", "2.png"]),
        ({"only": ["0.*", "5.PNG"]}, ["0.png", "5.png"]),
        ({"only": "a/*"}, ["a/x.png", "a/y.jpg"]),
        ({"exclude": ["?.png"]}, ["a/y.jpg"]),
        ({"only": "*.png", "exclude": "[1-9].png"}, ["0.png", "a/x.png"]),
    ],
)
def test_patterns_of_names(folder, picture, options, names) -> None:
    (folder / "a").mkdir()
    picture(8).save(folder / "a" / "x.png")
    picture(9).save(folder / "a" / "y.jpg")
    assert open_images(folder, **options).names() == names


def test_classes_are_those_of_the_pictures_that_are_left(tmp_path, picture) -> None:
    for kind in ("cats", "dogs", "masks"):
        (tmp_path / kind).mkdir()
        picture(len(kind)).save(tmp_path / kind / f"{kind}.png")
    assert open_images(tmp_path, exclude="masks/*").class_names == ("cats", "dogs")


def test_patterns_that_leave_nothing_or_cannot_be_used_are_refused(folder) -> None:
    with pytest.raises(DataError, match=r"No picture of .* is left by only '9'.*0.png.*star"):
        open_images(folder, only="9")
    with pytest.raises(ConfigError, match="expected a pattern"):
        open_images(folder, exclude=[""])
    with pytest.raises(DataError, match="give those of digits that are wanted"):
        open_images("digits", only="1*")


def test_a_pattern_that_leaves_nothing_out_is_told(folder) -> None:
    noted = open_images(folder, exclude=["/0.png", "1.png"]).notes
    assert [note for note in noted if "fits no picture" in note] == [
        f"exclude '/0.png' fits no picture of {folder}, whose names are such as 0.png."
    ]


def test_a_run_record_has_the_patterns(folder) -> None:
    from imagewright.images.descriptions import opening_options

    images = open_images(folder, size=8, only="[0-3].png", exclude="2.png")
    again = open_images(folder, **opening_options(images.describe()))
    assert again.names() == images.names()
    assert again.fingerprint == images.fingerprint
