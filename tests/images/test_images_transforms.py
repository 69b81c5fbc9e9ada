"""Sizes, crops and flips: Pillow's pixels to the bit, and views that depend only on their place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from imagewright.errors import ConfigError
from imagewright.images import open_images

FILTERS = {"lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "nearest": 0}


@pytest.mark.parametrize("size", [(8, 8), (6, 14), (20, 9)])
@pytest.mark.parametrize("name", FILTERS)
def test_resized_pixels_are_those_of_pillow(folder, picture, pixels_of, name, size) -> None:
    height, width = size
    images = open_images(folder, size=size, resize=name)
    expected = ImageOps.fit(picture(3), (width, height), method=Image.Resampling(FILTERS[name]))
    assert np.array_equal(images.batch(np.array([3])).images[0].numpy(), pixels_of(expected))


def test_crop_none_changes_the_aspect(folder, picture, pixels_of) -> None:
    images = open_images(folder, size=(5, 16), crop="none")
    expected = picture(1).resize((16, 5), Image.Resampling.LANCZOS)
    assert np.array_equal(images.batch(np.array([1])).images[0].numpy(), pixels_of(expected))


def test_a_picture_of_the_target_size_is_not_changed(folder, picture, pixels_of) -> None:
    batch = open_images(folder).batch(np.arange(6))
    for seed in range(6):
        assert np.array_equal(batch.images[seed].numpy(), pixels_of(picture(seed)))


def test_a_picture_of_extreme_aspect_needs_little_memory(tmp_path) -> None:
    Image.new("L", (30000, 1), 77).save(tmp_path / "line.png")
    assert (open_images(tmp_path, size=64).batch(np.array([0])).images == 77).all()


def test_random_views_are_windows_of_the_stated_canvas(folder, picture, pixels_of) -> None:
    images = open_images(folder, size=(8, 16), crop="random", flip=True)
    canvas = pixels_of(ImageOps.fit(picture(2), (18, 9), method=Image.Resampling.LANCZOS))
    windows = [canvas[:, top : top + 8, left : left + 16] for top in range(2) for left in range(3)]
    allowed = {window.tobytes() for window in windows} | {window[:, :, ::-1].tobytes() for window in windows}
    views = np.arange(400)
    batch = images.batch(np.full(400, 2), views=views, seed=5)
    seen = {row.numpy().tobytes() for row in batch.images}
    assert seen == allowed  # each window and its mirror image, and nothing else
    centre = images.batch(np.array([2])).images[0].numpy()
    assert np.array_equal(centre, canvas[:, 0:8, 1:17])


def test_a_view_depends_only_on_seed_and_place(folder) -> None:
    images = open_images(folder, size=8, crop="random", flip=True)
    indices, views = np.arange(200) % 6, np.arange(200) + 10**12
    whole = images.batch(indices, views=views, seed=1).images
    parts = [images.batch(indices[[k]], views=views[[k]], seed=1).images for k in range(0, 200, 7)]
    assert torch.equal(whole[::7], torch.cat(parts))
    assert not torch.equal(whole, images.batch(indices, views=views, seed=2).images)


def test_about_half_of_the_views_are_flipped_with_the_option_only(folder) -> None:
    still = open_images(folder).batch(np.zeros(500, np.int64), views=np.arange(500)).images
    assert torch.equal(still, still[:1].expand_as(still))
    flipped = open_images(folder, flip=True).batch(np.zeros(500, np.int64), views=np.arange(500)).images
    mirrored = (flipped == still.flip(3)).flatten(1).all(1)
    assert torch.equal(flipped[~mirrored], still[~mirrored])
    assert 180 < int(mirrored.sum()) < 320  # 500 fair coins: outside with a probability of 4e-10


def test_batches_own_their_memory_in_channels_last(folder) -> None:
    for options in ({}, {"crop": "random"}):
        images = open_images(folder, size=8, **options)
        batch = images.batch(np.array([0, 1]))
        assert batch.images.dtype == torch.uint8
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        before = batch.images.clone()
        batch.images.zero_()
        assert torch.equal(images.batch(np.array([0, 1])).images, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size 0"),
        ({"size": -4}, "size -4"),
        ({"size": (8, 8, 3)}, "size"),
        ({"size": 10**6}, "16,384"),
        ({"size": 1.5}, "size=1.5"),
        ({"size": "64"}, "size='64'"),
        ({"channels": 2}, "2 channels"),
        ({"crop": "center"}, "centre"),
        ({"resize": "lancsoz"}, "Did you mean 'lanczos'"),
    ],
)
def test_wrong_options_say_what_was_expected(folder, options, message) -> None:
    with pytest.raises(ConfigError, match=message):
        open_images(folder, **options)


def test_views_of_a_load_size_are_windows_of_it_and_all_else_is_its_centre(folder, picture, pixels_of) -> None:
    images = open_images(folder, size=(8, 6), load_size=(10, 9))
    canvas = pixels_of(ImageOps.fit(picture(2), (9, 10), method=Image.Resampling.LANCZOS))
    windows = {canvas[:, top : top + 8, left : left + 6].tobytes() for top in range(3) for left in range(4)}
    batch = images.batch(np.full(600, 2), views=np.arange(600), seed=3)
    assert {row.numpy().tobytes() for row in batch.images} == windows
    assert np.array_equal(images.batch(np.array([2])).images[0].numpy(), canvas[:, 1:9, 1:7])
    assert np.array_equal(next(images.stream(6)).images[2].numpy(), canvas[:, 1:9, 1:7])


def test_a_load_size_without_crop_changes_the_aspect_of_the_whole_picture(folder, picture, pixels_of) -> None:
    images = open_images(folder, size=8, load_size=9, crop="none")
    canvas = pixels_of(picture(4).resize((9, 9), Image.Resampling.LANCZOS))
    windows = {canvas[:, top : top + 8, left : left + 8].tobytes() for top in range(2) for left in range(2)}
    batch = images.batch(np.full(100, 4), views=np.arange(100))
    assert {row.numpy().tobytes() for row in batch.images} == windows


def test_a_load_size_follows_the_aspect_and_is_part_of_the_fingerprint(folder) -> None:
    plain = open_images(folder, size=(8, 16))
    larger = open_images(folder, size=(8, 16), load_size=12)
    assert larger.load_size == (12, 24)
    assert larger.size == (8, 16)
    assert larger.fingerprint != plain.fingerprint
    assert larger.fingerprint == plain.with_load_size((12, 24)).fingerprint
    assert larger.with_size((8, 8)).load_size == (12, 12)
    switched_off = open_images(folder, size=(8, 16), load_size=(8, 16))
    assert switched_off.fingerprint == plain.fingerprint
    assert switched_off.load_size_given
    assert not plain.load_size_given


def test_layers_are_cut_out_of_a_load_size_together(tmp_path) -> None:
    rows, columns = np.mgrid[0:40, 0:40]
    left = np.stack([rows * 6, columns * 6, rows * 0], -1).astype(np.uint8)
    Image.fromarray(np.concatenate([left, left[:, :, ::-1]], 1)).save(tmp_path / "pair.png")
    pairs = open_images(tmp_path, 32, layers="input,target", load_size=40)
    batch = pairs.batch(np.zeros(50, np.int64), views=np.arange(50))
    assert torch.equal(batch.layers["input"], batch.layers["target"].flip(1))
    assert len({row.numpy().tobytes() for row in batch.images}) > 30


def test_a_load_size_below_the_size_is_refused_with_both(folder) -> None:
    with pytest.raises(ConfigError, match=r"load size 6x6 .* 8x8 .*--load-size"):
        open_images(folder, size=8, load_size=6)
    with pytest.raises(ConfigError, match=r"load_size='large': .* 286"):
        open_images(folder, size=8, load_size="large")


def test_notes_that_were_added_go_along_to_other_sizes_flips_and_subsets(folder) -> None:
    (folder / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    images = open_images(folder).prepare()
    images.notes.append("Two have no label.")
    (unreadable,) = [note for note in images.notes if "torn.png" in note]
    changed = [images.with_size(8), images.with_flip(True), images.with_load_size(20), images.subset(np.arange(4))]
    for each in [*changed, images.with_flip(False).with_size(9)]:
        each.prepare()
        assert each.notes.count("Two have no label.") == 1
        assert each.notes.count(unreadable) == 1, "what cannot be read is not noted again"
    assert images.subset(np.arange(4)).with_size(6).prepare().notes == images.notes
    changed[0].notes.append("of one alone")
    assert "of one alone" not in images.notes
