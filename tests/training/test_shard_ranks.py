"""Ranks that read their own shards: they train as one rank does, and need no other shards."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from test_ranks import exit_codes, weights_of
from tiny import BATCH, Messages, layered_images, simple_pictures, stopped_after, tiny_model, train_tiny
from workers import evaluate_own_shards, ranks, train_from_own_shards

import imagewright as iw
from imagewright.errors import DataError
from imagewright.images import Images
from imagewright.images.shard_places import shard_numbers
from imagewright.model import Feed
from imagewright.training.data.feeds import FeedReader, build_readers
from imagewright.training.data.shard_lanes import place_rows

NOTHING = np.empty(0, np.int64)
MLP = {"network": "mlp", "steps": 5}


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """32 pictures in 4 shards."""
    iw.write_shards(simple_pictures(), tmp_path / "set", count=4)
    return tmp_path / "set"


def uncached(shards: Path, **options: Any) -> Images:
    return iw.open_images(shards, cache=False, **options)


def reader_of(images: Images, batch_sizes: Sequence[int], held_out: np.ndarray = NOTHING) -> FeedReader:
    readers = build_readers(tiny_model("vae"), {"images": images}, 0, held_out, batch_sizes=batch_sizes)
    return next(iter(readers.values()))


def rows_of(reader: FeedReader, start: int, size: int, world: int, rank: int) -> np.ndarray:
    share = size // world
    return reader.order(reader.positions(start, range(rank * share, (rank + 1) * share), size))


@pytest.mark.parametrize("world", [1, 2, 4])
def test_each_rank_reads_its_own_shards_of_the_same_batches(shards: Path, world: int) -> None:
    images = uncached(shards)
    reader, numbers = reader_of(images, [8]), shard_numbers(images)
    assert numbers is not None
    for start in range(0, 64, 8):
        whole = rows_of(reader, start, 8, 1, 0)
        parts = [rows_of(reader, start, 8, world, rank) for rank in range(world)]
        assert np.concatenate(parts).tolist() == whole.tolist()
        for rank, part in enumerate(parts):
            assert set(numbers[part].tolist()) <= set(range(rank * 4 // world, (rank + 1) * 4 // world))


def test_every_picture_comes_once_in_a_round(shards: Path) -> None:
    reader = reader_of(uncached(shards), [8])
    rounds = [
        np.concatenate([rows_of(reader, first + start, 8, 1, 0) for start in range(0, 32, 8)]) for first in (0, 32)
    ]
    assert [sorted(images.tolist()) for images in rounds] == [list(range(32))] * 2
    assert rounds[0].tolist() != rounds[1].tolist()


def test_uneven_shards_repeat_the_pictures_of_shorter_ones(shards: Path) -> None:
    held_out = np.arange(3)  # all of the first shard, which then has 5 pictures, and the others 8
    reader = reader_of(uncached(shards), [8], held_out)
    drawn = np.concatenate([rows_of(reader, start, 8, 1, 0) for start in range(0, 32, 8)])
    counts = np.bincount(drawn, minlength=32)
    assert counts[:3].tolist() == [0, 0, 0]
    assert counts[3:8].sum() == 8
    assert set(counts[8:].tolist()) == {1}
    assert reader.order.repeated == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
@pytest.mark.parametrize("start", [0, 3, 24])
def test_the_rows_of_a_batch_are_its_positions_sorted_by_lane(lanes: int, start: int) -> None:
    found = place_rows(start, range(24), 24, lanes)
    assert sorted(found.tolist()) == list(range(start, start + 24))
    if lanes > 1:
        assert (np.diff(found % lanes) >= 0).all()


def test_a_batch_that_the_lanes_do_not_divide_keeps_its_positions() -> None:
    assert place_rows(8, range(2, 5), 6, 4).tolist() == [10, 11, 12]


def test_images_of_a_row_are_of_one_shard(shards: Path) -> None:
    model = tiny_model("vae")
    model.feeds = {"images": Feed(repeats=3)}  # type: ignore[misc]
    images = uncached(shards)
    numbers = shard_numbers(images)
    assert numbers is not None
    reader = build_readers(model, {"images": images}, 0, NOTHING, batch_sizes=[8])["images"]
    positions = reader.positions(8, range(8), 8)
    rows = reader.order((positions[:, None] * 3 + np.arange(3)).reshape(-1)).reshape(8, 3)
    assert (numbers[rows] == numbers[rows[:, :1]]).all()


def test_pairs_are_read_by_lane(tmp_path: Path) -> None:
    pairs = layered_images(("input", "target"))
    iw.write_shards(pairs, tmp_path / "pairs", count=4)
    images = uncached(tmp_path / "pairs")
    reader, numbers = reader_of(images, [8]), shard_numbers(images)
    assert numbers is not None
    rows = rows_of(reader, 8, 8, 2, 1)
    assert set(numbers[rows].tolist()) <= {2, 3}
    places = [int(images.name(row).rpartition("/")[2].partition(".")[0]) for row in rows.tolist()]
    ours, theirs = images.batch(rows), pairs.batch(np.array(places))
    assert all(torch.equal(ours.layers[name], theirs.layers[name]) for name in ("input", "target"))


def test_two_domains_of_one_set_are_read_by_lane(shards: Path) -> None:
    images = uncached(shards).with_labels(np.arange(32) % 2, ("a", "b")).with_classes(["b"])
    reader, numbers = reader_of(images, [8]), shard_numbers(images)
    assert numbers is not None
    assert reader.lanes == 4
    assert set(numbers[rows_of(reader, 0, 8, 2, 0)].tolist()) == {0, 1}


def test_a_cached_set_and_feeds_by_class_have_no_lanes(shards: Path) -> None:
    assert reader_of(iw.open_images(shards), [8]).lanes == 1
    assert reader_of(uncached(shards), [8]).lanes == 4
    assert reader_of(uncached(shards), [6, 8]).lanes == 2
    assert reader_of(uncached(shards), []).lanes == 1
    model = tiny_model("vae")
    model.feeds = {"images": Feed(balanced=True)}  # type: ignore[misc]
    images = uncached(shards).with_labels(np.arange(32) % 2, ("a", "b"))
    assert build_readers(model, {"images": images}, 0, NOTHING, batch_sizes=[8])["images"].lanes == 1


def test_ranks_need_their_own_shards_alone_and_train_as_one(shards: Path, tmp_path: Path) -> None:
    one = train_tiny("vae", uncached(shards), tmp_path / "one" / "run", held_out=4, **MLP)
    for rank in range(2):  # each rank is a machine that has its own half of the shards
        shutil.copytree(shards, tmp_path / f"disk-{rank}" / "set")
        for number in range(4):
            if number // 2 != rank:
                (tmp_path / f"disk-{rank}" / "set" / f"shard-{number:05d}.tar").unlink()
    codes = exit_codes(ranks(train_from_own_shards, 2, tmp_path, tmp_path / "two" / "run", held_out=4, **MLP))
    assert codes == [0, 0], [path.read_text() for path in tmp_path.glob("error-*")]
    for rank in range(2):
        read = json.loads((tmp_path / f"read-{rank}").read_text())
        assert read == [f"shard-{number:05d}.tar" for number in range(2 * rank, 2 * rank + 2)]
    ours, theirs = weights_of(one), weights_of(iw.Run(tmp_path / "two" / "run"))
    for name, tensor in ours.items():
        if name.startswith("density."):  # is fitted to latents of pictures that the main rank has
            continue
        torch.testing.assert_close(theirs[name], tensor, atol=1e-5, rtol=0, msg=name)


def test_a_rank_that_lacks_a_shard_of_its_own_says_which(shards: Path, tmp_path: Path) -> None:
    for rank in range(2):
        shutil.copytree(shards, tmp_path / f"disk-{rank}" / "set")
    (tmp_path / "disk-1" / "set" / "shard-00003.tar").unlink()
    codes = exit_codes(ranks(train_from_own_shards, 2, tmp_path, tmp_path / "two" / "run", **MLP))
    assert codes == [2, 2]
    for rank in range(2):  # the main rank says it too, as a launcher may end the other one before it has printed
        text = (tmp_path / f"error-{rank}").read_text()
        assert "Rank 1 of 2 reads 2 of 4 shards: shard-00003.tar is not in " in text


@pytest.mark.parametrize("names_values", [True, False])
def test_ranks_read_more_than_eight_bits_by_one_range(tmp_path: Path, names_values: bool) -> None:
    """As the index names it; one of an earlier version does not, and each rank finds the range of its own pictures."""
    (tmp_path / "deep").mkdir()
    for number in range(32):
        values = np.full((8, 8), 100 * (number + 1), np.uint16)
        values[0, 0] = 0
        Image.fromarray(values).save(tmp_path / "deep" / f"{number:02d}.png")
    iw.write_shards(tmp_path / "deep", tmp_path / "set", count=4, shuffle=False)
    index = json.loads((tmp_path / "set" / "shards.json").read_text())
    if not names_values:
        del index["values"]
    for rank in range(2):
        shutil.copytree(tmp_path / "set", tmp_path / f"disk-{rank}" / "set")
        (tmp_path / f"disk-{rank}" / "set" / "shards.json").write_text(json.dumps(index))
        for number in (2, 3) if rank == 0 else (0, 1):
            (tmp_path / f"disk-{rank}" / "set" / f"shard-{number:05d}.tar").unlink()
    out = tmp_path / "two" / "run"
    codes = exit_codes(ranks(train_from_own_shards, 2, tmp_path, out, value_range="auto", **MLP))
    if names_values:
        assert codes == [0, 0]
        assert iw.Run(out).record["source"]["value_range"] == [0, 3200]
        return
    assert codes == [2, 2]
    for rank in range(2):
        text = (tmp_path / f"error-{rank}").read_text()
        assert 'the value range of set is "0:3000" on' in text
        assert '"0:3200" on' in text
        assert "give value_range=LOW:HIGH" in text


@pytest.mark.parametrize(("subject", "against"), [("set", "other"), ("other", "set")])
def test_an_evaluation_names_the_rank_that_lacks_shards(
    shards: Path, tmp_path: Path, subject: str, against: str
) -> None:
    iw.write_shards(simple_pictures(seed=1), tmp_path / "other", count=1)
    for rank in range(2):
        for name in ("set", "other"):
            shutil.copytree(tmp_path / name, tmp_path / f"disk-{rank}" / name)
    (tmp_path / "disk-1" / "set" / "shard-00003.tar").unlink()
    assert exit_codes(ranks(evaluate_own_shards, 2, tmp_path, subject, against)) == [2, 2]
    lacks = "8 of 32 pictures of set are in shards that this machine does not have"
    assert (tmp_path / "error-1").read_text().startswith(lacks)
    assert f"(rank 1): {lacks}" in (tmp_path / "error-0").read_text()


def test_a_run_is_resumed_exactly_and_says_what_comes_again(shards: Path, tmp_path: Path) -> None:
    options = {"network": "mlp", "held_out": 3}
    messages = Messages()
    whole = train_tiny("vae", uncached(shards), tmp_path / "whole" / "run", steps=6, reporter=messages, **options)
    said = [text for text in messages.texts if "come a second time" in text]
    assert len(said) == 1
    assert "while the longest is read once" in said[0]
    stopped_after("vae", tmp_path / "run", steps=6, stop_at=3, pictures=uncached(shards), **options)
    train_tiny("vae", uncached(shards), tmp_path / "run", steps=6, resume=True, **options)
    for name, tensor in weights_of(whole).items():
        assert torch.equal(weights_of(iw.Run(tmp_path / "run"))[name], tensor), name


def test_one_rank_needs_all_shards_before_it_begins(shards: Path, tmp_path: Path) -> None:
    os.unlink(shards / "shard-00002.tar")
    with pytest.raises(DataError, match=r"This training reads all 4 shards: shard-00002\.tar is not in"):
        train_tiny("vae", uncached(shards), tmp_path / "run", steps=2, batch_size=BATCH)
    assert not (tmp_path / "run").exists()
