"""What every swapped picture and video says of itself: a composite, of which run and footage, with whose consent."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tiny import train_tiny

import imagewright as iw
from imagewright.face_swap.provenance import swap_record
from imagewright.images.footage import read_footage
from imagewright.output.footage.writer import write_footage
from imagewright.output.provenance import COMPOSITE, GENERATED
from imagewright.output.writing import write_animation, write_image

CONSENT = {"who": "Ann Lee", "given_by": "Ann Lee", "when": "2026-01-20"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> iw.Run:
    out = tmp_path_factory.mktemp("runs") / "swap"
    return train_tiny("autoencoder", out=out, steps=1, consent="Ann Lee; Ann Lee; 2026-01-20")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".gif", ".mp4"])
def test_each_format_says_that_a_swap_is_a_composite(tmp_path: Path, run: iw.Run, suffix: str) -> None:
    record = swap_record(run, "/home/ann/clips/walk.mp4", settings={"colour": "mkl"}, mark="AI-generated face")
    path = tmp_path / f"swapped{suffix}"
    pictures = np.random.default_rng(0).integers(0, 256, (3, 3, 32, 48), np.uint8)
    if suffix == ".mp4":
        pytest.importorskip("av", reason="needs PyAV, of the extra `faces`")
    if suffix in (".gif", ".mp4"):
        write_animation(pictures, path, record)
    else:
        write_image(pictures[0], path, record)
    content = path.read_bytes()
    assert f"Iptc4xmpExt:DigitalSourceType>{COMPOSITE}<".encode() in content
    assert GENERATED.encode() not in content
    assert b"/home/ann" not in content
    found = iw.inspect(path)["provenance"]
    assert found == record
    assert (found["verb"], found["model"], found["run"]) == ("swap", "autoencoder", "swap")
    assert found["settings"] == {"footage": "walk.mp4", "colour": "mkl", "mark": "AI-generated face"}
    assert found["consent"] == [CONSENT]


def test_a_video_with_sound_says_so_too(tmp_path: Path, run: iw.Run) -> None:
    pytest.importorskip("av", reason="needs PyAV, of the extra `faces`")
    pictures = np.random.default_rng(0).integers(0, 256, (3, 3, 32, 48), np.uint8)
    original = write_animation(pictures, tmp_path / "walk.mp4")
    frames = ((Fraction(place, 12), picture.transpose(1, 2, 0)) for place, picture in enumerate(pictures))
    path = tmp_path / "swapped.mp4"
    write_footage(frames, path, read_footage(original), swap_record(run, original))
    assert COMPOSITE.encode() in path.read_bytes()
    assert iw.inspect(path)["provenance"]["consent"] == [CONSENT]
