"""`data check` of what translation is trained on: pairs, two domains, and classes of a few pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

import imagewright as iw
from imagewright.cli import main
from imagewright.errors import ConfigError, DataError


def blobs(seed: int, side: int = 64) -> Image.Image:
    """A picture of a few bright rectangles, which differ from seed to seed."""
    generator = np.random.default_rng(seed)
    pixels = np.full((side, side, 3), 60, np.uint8)
    for _ in range(6):
        top, left = generator.integers(4, side - 20, 2)
        height, width = generator.integers(6, 16, 2)
        pixels[top : top + height, left : left + width] = generator.integers(120, 256, 3)
    return Image.fromarray(pixels)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Twelve pairs of a negative and its picture, in folders A and B."""
    for seed in range(12):
        for name, picture in (("A", ImageChops.invert(blobs(seed))), ("B", blobs(seed))):
            (tmp_path / "pairs" / name).mkdir(parents=True, exist_ok=True)
            picture.save(tmp_path / "pairs" / name / f"{seed}.png")
    return tmp_path / "pairs"


def change(path: Path, how) -> None:
    how(Image.open(path)).save(path)


def test_good_pairs_have_nothing_to_say(pairs: Path) -> None:
    for report in (iw.check(pairs), iw.check(pairs / "A", pairs / "B")):
        assert report.pairs is not None
        assert report.pairs.count == report.pairs.compared == 12
        assert (report.pairs.shifted, report.pairs.other_size, report.pairs.common_shift) == (0, 0, (0, 0))
        assert report.pairs.agrees is True
        assert len(report.pairs.lines()) == 1
        assert report.domains is None
    assert iw.check(pairs / "A", pairs / "B").other.count == 12


def test_partners_sizes_and_shapes_of_pairs_are_compared(pairs: Path) -> None:
    (pairs / "B" / "3.png").unlink()
    (pairs / "A" / "4.png").write_bytes(b"no picture")
    change(pairs / "B" / "5.png", lambda picture: picture.resize((32, 32)))
    change(pairs / "B" / "6.png", lambda picture: picture.resize((32, 48)))
    found = iw.check(pairs).pairs
    assert found.count == 11
    assert found.alone == {"A": ["3.png"], "B": []}
    assert found.alone_count == {"A": 1, "B": 0}
    assert (found.other_size, found.other_shape) == (2, 1)
    assert found.other_size_examples == [("5.png", "64x64", "32x32"), ("6.png", "64x64", "32x48")]
    text = "\n".join(found.lines())
    assert "without a partner: 3.png" in text
    assert "5.png: 64x64 and 32x32" in text


def test_grey_inputs_and_targets_in_colour_are_no_suggestion_of_one_channel(pairs: Path) -> None:
    for path in (pairs / "A").iterdir():
        change(path, lambda picture: picture.convert("L"))
    report = iw.check(pairs)
    assert report.suggested_channels is None
    assert "1 channel of A and 3 channels of B" in report.suggestion


def test_shifted_pairs_are_found_with_their_shift(pairs: Path) -> None:
    change(pairs / "B" / "7.png", lambda picture: ImageChops.offset(picture, 6, -4))
    found = iw.check(pairs).pairs
    assert found.shifted_examples == [("7.png", -4, 6)]
    assert found.common_shift == (0, 0)
    for seed in range(12):
        if seed != 7:
            change(pairs / "B" / f"{seed}.png", lambda picture: ImageChops.offset(picture, 6, -4))
    assert iw.check(pairs).pairs.common_shift == (-4, 6)
    assert "-4 pixels down, +6 right" in "\n".join(iw.check(pairs).lines())


def test_equal_names_of_pictures_that_have_nothing_in_common_are_doubted(tmp_path: Path) -> None:
    for seed in range(16):
        for place, name in enumerate(("horses", "zebras")):
            (tmp_path / name).mkdir(exist_ok=True)
            blobs(100 * place + seed).save(tmp_path / name / f"{seed}.png")
    found = iw.check(tmp_path / "horses", tmp_path / "zebras").pairs
    assert found.agrees is False
    assert (found.shifted, found.common_shift) == (0, (0, 0))
    assert "do these names mean pairs?" in "\n".join(found.lines())


def test_domains_are_compared_in_number_size_channels_and_shared_pictures(tmp_path: Path, capsys) -> None:
    for place, (name, count) in enumerate((("horses", 3), ("zebras", 15))):
        (tmp_path / name).mkdir()
        for seed in range(count):
            picture = blobs(100 * place + seed, side=64 if place else 48)
            (picture.convert("L") if place else picture).save(tmp_path / name / f"{name}{seed}.png")
    blobs(0, side=48).save(tmp_path / "zebras" / "zebras0.png")
    report = iw.check(tmp_path / "horses", tmp_path / "zebras")
    assert list(report.domains.counts.values()) == [3, 15]
    assert list(report.domains.sizes.values()) == ["48x48", "64x64"]
    assert list(report.domains.channels.values()) == [3, 1]
    text = "\n".join(report.domains.lines())
    assert all(words in text for words in ("5 times as many", "sizes differ", "channels differ: pairs keep them"))
    assert report.shared.equal == 1
    assert report.other.count == 15
    assert main(["data", "check", str(tmp_path / "horses"), str(tmp_path / "zebras"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["domains"]["counts"] == report.domains.counts
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no pictures"):
        iw.check(tmp_path / "horses", tmp_path / "empty")
    with pytest.raises(ConfigError, match="leave it out"):
        iw.check(tmp_path / "horses", tmp_path / "zebras", against=tmp_path / "zebras")


def test_the_published_layout_of_two_domains_is_checked_as_two(tmp_path: Path) -> None:
    for place, name in enumerate(("trainA", "trainB", "testA", "testB")):
        (tmp_path / "set" / name).mkdir(parents=True)
        for seed in range(2 + place):
            blobs(100 * place + seed).save(tmp_path / "set" / name / f"{name}_{seed}.png")
    report = iw.check(tmp_path / "set")
    assert (report.count, report.other.count) == (2, 3)
    assert report.domains.counts == {"trainA": 2, "trainB": 3}
    assert iw.check(tmp_path / "set", split="test").domains.counts == {"testA": 4, "testB": 5}


def test_classes_of_a_few_pictures_are_named(tmp_path: Path, capsys) -> None:
    for name, count in (("cat", 5), ("dog", 2), ("owl", 1)):
        (tmp_path / "animals" / name).mkdir(parents=True)
        for seed in range(count):
            blobs(seed).save(tmp_path / "animals" / name / f"{seed}.png")
    assert iw.check(tmp_path / "animals", per_class=3).few == {"dog": 2, "owl": 1}
    assert iw.check(tmp_path / "animals").few is None
    assert main(["data", "check", str(tmp_path / "animals"), "--per-class", "3"]) == 0
    assert "dog (2), owl (1)" in capsys.readouterr().out
    with pytest.raises(DataError, match="no classes to count"):
        iw.check(tmp_path / "animals" / "cat", per_class=3)


def test_uneven_classes_and_attributes_without_variation_are_noted(tmp_path: Path) -> None:
    for name, count in (("cat", 8), ("dog", 2), ("owl", 3)):
        (tmp_path / name).mkdir()
        for seed in range(count):
            blobs(seed).save(tmp_path / name / f"{seed}.png")
    notes = " ".join(iw.check(tmp_path).notes)
    assert "cat has 4 times as many pictures as dog (8 and 2)" in notes
    (tmp_path / "cat" / "7.png").unlink()
    assert "uneven" not in " ".join(iw.check(tmp_path).notes)
    rows = "".join(f"{seed}.png,{seed % 2},1,{'' if seed else 0}\n" for seed in range(7))
    (tmp_path / "table.csv").write_text(f"name,smiling,young,old\n{rows}")
    notes = " ".join(iw.check(tmp_path / "cat", labels=tmp_path / "table.csv").notes)
    assert "young, old have one value in all pictures" in notes
    assert "smiling" not in notes
