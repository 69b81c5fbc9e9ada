"""Signing what a swap has written: each file with its footage; what cannot be signed is said before the work begins."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import imagewright as iw
from imagewright.errors import UserError
from imagewright.face_swap.convert.signing import open_key, originals, sign_results
from imagewright.output.provenance import COMPOSITE, make_record
from imagewright.output.signing import SigningKey
from imagewright.output.writing import write_image

pytest.importorskip("c2pa", reason="needs c2pa-python, of the extra `provenance`")
pytest.importorskip("cryptography", reason="needs cryptography, of the extra `provenance`")

from signers import make_signer

RECORD = make_record("swap", model="swap", source_type=COMPOSITE)
PICTURE = np.random.default_rng(0).integers(0, 256, (3, 16, 24), np.uint8)


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    made = make_signer(tmp_path)
    opened = open_key((made.certificate, made.key), [Path("swapped.mp4")])
    assert opened is not None
    return opened


def test_each_result_is_signed_with_its_footage(tmp_path: Path, key: SigningKey) -> None:
    photo = write_image(PICTURE, tmp_path / "photo.jpg")
    swapped = write_image(PICTURE, tmp_path / "photo.png", RECORD)
    unchanged = write_image(PICTURE, tmp_path / "other.png")  # the person is not in it
    assert sign_results(key, [(swapped, photo), (unchanged, photo)]) == []
    signature = iw.inspect(swapped)["signature"]
    assert (signature["valid"], signature["made_from"]) == (True, ["photo.jpg"])
    assert "signature" not in iw.inspect(unchanged)


def test_footage_that_c2pa_does_not_read_is_left_out_and_said(tmp_path: Path, key: SigningKey) -> None:
    swapped = write_image(PICTURE, tmp_path / "frame.png", RECORD)
    footage = tmp_path / "walk.mkv"
    footage.write_bytes(b"\x1aE\xdf\xa3")
    (note,) = sign_results(key, [(swapped, footage)])
    assert "walk.mkv is not in the signature" in note
    assert iw.inspect(swapped)["signature"]["actions"] == ["created (swap)"]


def test_without_a_key_it_is_said_that_the_footage_was_signed(tmp_path: Path, key: SigningKey) -> None:
    photo = write_image(PICTURE, tmp_path / "photo.jpg", RECORD)
    assert sign_results(None, [(tmp_path / "new.png", photo)]) == []
    sign_results(key, [(photo, None)])
    (note,) = sign_results(None, [(tmp_path / "new.png", photo)])
    assert "photo.jpg is signed" in note


def test_a_format_that_cannot_be_signed_is_refused_before_the_work(tmp_path: Path) -> None:
    assert open_key(None, [Path("swapped.mkv")]) is None
    with pytest.raises(UserError, match=r"swapped.mkv cannot be signed.*\.mp4"):
        open_key((tmp_path / "no.pem", tmp_path / "no.key"), [Path("swapped.mkv")])


def test_the_files_of_pictures_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    one = write_image(PICTURE, folder / "one.png")
    write_image(PICTURE, folder / "two.png")
    shutil.make_archive(str(tmp_path / "archive"), "zip", folder)
    alone, several = str(one), [str(one), str(folder / "two.png")]
    for source, expected in (
        (str(folder), [one, folder / "two.png"]),
        (alone, [one]),
        (several, [one, folder / "two.png"]),
        (str(tmp_path / "archive.zip"), [None, None]),
        (PICTURE[None], [None]),
    ):
        assert list(originals([iw.open_images(source)], [source])) == expected
