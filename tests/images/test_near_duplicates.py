"""Near-duplicates: changed copies are found, distinct pictures are not."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from imagewright.images import check
from imagewright.images.checks.alignment import agreement
from imagewright.images.checks.near_duplicates import find_candidates
from imagewright.images.checks.perceptual_hashes import (
    MOST_BITS,
    WINDOWS,
    HashTable,
    compute_hashes,
    is_flat,
    small_picture,
)


def scene(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """A picture with large and small forms and colours, like a photograph."""
    generator = np.random.default_rng(seed)
    whole = np.zeros((size[1], size[0], 3), np.float32)
    for side, strength in ((3, 45), (6, 30), (12, 20), (24, 12)):
        coarse = generator.normal(0, strength, (side, side, 3)).astype(np.float32)
        for channel in range(3):
            grown = Image.fromarray(coarse[..., channel]).resize(size, Image.Resampling.BICUBIC)
            whole[..., channel] += np.asarray(grown)
    return Image.fromarray((whole + 110).clip(0, 255).astype(np.uint8))


def recompressed(image: Image.Image, quality: int) -> Image.Image:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return Image.open(content).convert("RGB")


def cut(image: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    width, height = image.size
    return image.crop(tuple(round(v) for v in (left * width, top * height, (1 - right) * width, (1 - bottom) * height)))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half the size": lambda image: image.resize((80, 60), Image.Resampling.BICUBIC),
    "twice the size": lambda image: image.resize((320, 240), Image.Resampling.BILINEAR),
    "JPEG 50": lambda image: recompressed(image, 50),
    "JPEG 20": lambda image: recompressed(image, 20),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.7),
    "less contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.6),
    "grey": lambda image: image.convert("L"),
    "cropped all round": lambda image: cut(image, 0.03, 0.03, 0.03, 0.03),
    "cropped more": lambda image: cut(image, 0.05, 0.05, 0.05, 0.05),
    "cropped at one corner": lambda image: cut(image, 0, 0, 0.05, 0.05),
    "cropped, smaller, recompressed": lambda image: recompressed(cut(image, 0.02, 0, 0, 0.03).resize((100, 75)), 60),
}


@pytest.fixture(scope="module")
def scenes() -> list[Image.Image]:
    return [scene(seed) for seed in range(40)]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found(tmp_path: Path, scenes: list[Image.Image], change: str) -> None:
    for index, image in enumerate(scenes[:12]):
        image.save(tmp_path / f"{index:02}.png")
    for index in (2, 5, 9):
        CHANGES[change](scenes[index]).save(tmp_path / f"{index:02}b.png")
    report = check(tmp_path)
    assert report.duplicates == 0
    assert report.near_duplicate_groups == [[f"{index:02}.png", f"{index:02}b.png"] for index in (2, 5, 9)]
    assert report.near_duplicates == 3


def test_distinct_pictures_are_no_duplicates(tmp_path: Path, scenes: list[Image.Image]) -> None:
    for index, image in enumerate(scenes):
        image.save(tmp_path / f"{index:02}.png")
    Image.new("RGB", (160, 120), "white").save(tmp_path / "white.png")
    Image.new("RGB", (160, 120), (90, 90, 90)).save(tmp_path / "grey.png")
    report = check(tmp_path)
    assert (report.duplicates, report.near_duplicates) == (0, 0)


@pytest.mark.learning
def test_similar_digits_are_no_duplicates_but_equal_ones_are() -> None:
    report = check("digits")
    assert (report.duplicates, report.near_duplicates) == (0, 0)
    assert any("look much alike" in note for note in report.notes)


def test_equal_pictures_are_counted_once_and_not_as_near(tmp_path: Path, scenes: list[Image.Image]) -> None:
    scenes[0].save(tmp_path / "a.png")
    scenes[0].save(tmp_path / "b.bmp")
    recompressed(scenes[0], 60).save(tmp_path / "c.png")
    scenes[1].save(tmp_path / "d.png")
    report = check(tmp_path)
    assert report.duplicate_groups == [["a.png", "b.bmp"]]
    assert report.near_duplicate_groups == [["a.png", "c.png"]]
    assert "near-duplicates  1" in "\n".join(report.lines())


def test_pictures_that_two_sets_share(tmp_path: Path, scenes: list[Image.Image]) -> None:
    for folder, pictures in (("train", scenes[:20]), ("test", scenes[20:30])):
        (tmp_path / folder).mkdir()
        for index, image in enumerate(pictures):
            image.save(tmp_path / folder / f"{index:02}.png")
    scenes[3].save(tmp_path / "test" / "leak.bmp")
    cut(scenes[7], 0.02, 0.02, 0.02, 0.02).save(tmp_path / "test" / "smaller.png")
    # The larger view may be in either set.
    cut(scenes[24], 0.05, 0.05, 0.05, 0.05).save(tmp_path / "train" / "window.png")
    report = check(tmp_path / "train", against=tmp_path / "test")
    assert report.shared is not None
    assert report.shared.equal_examples == [("03.png", "leak.bmp")]
    assert report.shared.near_examples == [("07.png", "smaller.png"), ("window.png", "04.png")]
    assert (report.shared.equal, report.shared.near) == (1, 2)
    json.dumps(report.to_dict())
    assert "1 equal and 2 nearly equal pictures are in" in "\n".join(report.lines())


def test_the_hash_table_finds_the_same_pairs_as_comparing_all_with_all() -> None:
    generator = np.random.default_rng(0)
    hashes = generator.integers(0, 2**64, 300, np.uint64)
    flips = np.array(
        [sum(1 << int(bit) for bit in generator.choice(64, count % 12, replace=False)) for count in range(300)]
    )
    queries = hashes[::-1] ^ flips.astype(np.uint64)
    bits = np.array([[bin(int(query ^ word)).count("1") for word in hashes] for query in queries])
    expected = set(zip(*(place.tolist() for place in np.nonzero(bits <= MOST_BITS)), strict=True))
    found = set()
    for asked, places, apart in HashTable(hashes).near(queries, thorough=True):
        assert (bits[asked, places] == apart).all()
        found |= set(zip(asked.tolist(), places.tolist(), strict=True))
    assert found == expected
    assert len(expected) >= 150


def test_each_pair_is_a_candidate_once(scenes: list[Image.Image]) -> None:
    small = np.stack([small_picture(image) for image in [*scenes[:10], *scenes[:5]]])
    found = find_candidates(compute_hashes(small))
    assert sorted(zip(found.first.tolist(), found.second.tolist(), strict=True)) == [(k, k + 10) for k in range(5)]
    assert len(find_candidates(compute_hashes(small[:1])).bits) == 0


def test_alignment_finds_the_window(scenes: list[Image.Image]) -> None:
    whole = np.stack([small_picture(image) for image in scenes[:6]])
    windows = np.stack([small_picture(cut(image, 0.06, 0.02, 0.02, 0.06)) for image in scenes[:6]])
    start = np.zeros(6, np.int64)
    before, after = agreement(whole, windows, start, 0), agreement(whole, windows, start)
    assert (after[1] > 0.97).all()
    assert (before[1] < 0.9).all()
    assert compute_hashes(whole).shape == (6, len(WINDOWS))
    assert is_flat(np.full((1, 32, 32), 9, np.uint8)).all()
    assert not is_flat(whole).any()


@pytest.mark.learning
def test_real_faces_are_all_found_in_their_own_archive(shared: Path) -> None:
    report = check(shared / "celeba_178x218_sample", against=shared / "celeba_178x218_sample" / "images.zip")
    assert report.shared is not None
    assert (report.shared.equal, report.near_duplicates) == (460, 0)
