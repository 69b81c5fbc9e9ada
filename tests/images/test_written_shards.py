"""Shards that `write_shards` writes: they hold what the source holds, and their index opens them without reading."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import imagewright as iw
from imagewright.errors import ConfigError, DataError, RunError
from imagewright.images import Images
from imagewright.images.sources.shard_index import INDEX, TABLES

KEY = re.compile(r"^((?:.*/|)[^.]+)[.]([^/]*)$")
"""How the library webdataset divides the name of a member into a key and the rest."""


def rows_by_name(images: Images) -> dict[str, tuple[Any, ...]]:
    """What is known of each picture, by its key: pixels of all layers, class, attributes, factors."""
    found = {}
    batch = images.batch(np.arange(len(images)))
    for index in range(len(images)):
        key = images.name(index).rpartition(".tar/")[2].partition(".")[0]
        known = (
            [value[index].tolist() for value in (images.attributes, images.factors) if value is not None],
            images.class_name(index),
        )
        found[key] = (*(layer[index].numpy().tobytes() for layer in batch.layers.values()), *known)
    assert len(found) == len(images)
    return found


def grouped(path: Path) -> list[tuple[str, dict[str, bytes]]]:
    """The samples of a shard as webdataset groups them: neighbouring members of one key."""
    samples: list[tuple[str, dict[str, bytes]]] = []
    with tarfile.open(path, "r|") as shard:
        for member in shard:
            found = KEY.match(member.name)
            assert found is not None
            if not samples or samples[-1][0] != found[1]:
                samples.append((found[1], {}))
            assert found[2] not in samples[-1][1]
            samples[-1][1][found[2]] = shard.extractfile(member).read()  # type: ignore[union-attr]
    return samples


def test_shards_hold_the_pictures_and_labels_of_their_source(classes: Path, tmp_path: Path) -> None:
    made = iw.write_shards(classes, tmp_path / "shards", count=4)
    assert (made.count, made.shards, made.skipped) == (20, 4, [])
    source, opened = iw.open_images(classes), iw.open_images(tmp_path / "shards")
    assert rows_by_name(opened) == rows_by_name(source)
    assert (opened.size, opened.channels, opened.class_names) == (source.size, source.channels, source.class_names)
    assert [stop - start for start, stop in opened._prepared.source.shards()] == [5, 5, 5, 5]


def test_members_are_as_webdataset_reads_them(classes: Path, tmp_path: Path) -> None:
    iw.write_shards(classes, tmp_path / "shards", count=3)
    samples = [sample for path in sorted((tmp_path / "shards").glob("*.tar")) for sample in grouped(path)]
    assert sorted(key for key, _ in samples) == sorted(f"{'cats' if n < 10 else 'dogs'}/{n}" for n in range(20))
    for key, members in samples:
        suffix = "jpg" if int(key.rpartition("/")[2]) % 2 else "png"
        assert members[suffix] == (classes / f"{key}.{suffix}").read_bytes()
        assert int(members["cls"]) == ("dogs" in key)
        assert json.loads(members["json"]) == {"class_name": key.partition("/")[0]}


def test_the_shards_read_without_their_index(classes: Path, tmp_path: Path) -> None:
    iw.write_shards(classes, tmp_path / "shards", count=2)
    for name in (INDEX, TABLES):
        (tmp_path / "shards" / name).unlink()
    plain = iw.open_images(tmp_path / "shards")
    found = {key: row[0] for key, row in rows_by_name(plain).items()}
    assert found == {key: row[0] for key, row in rows_by_name(iw.open_images(classes)).items()}
    assert plain.labels is not None
    assert sorted(plain.labels.tolist()) == [0] * 10 + [1] * 10


def test_attributes_and_factors_survive(tmp_path: Path) -> None:
    images = iw.open_images("shapes:count=12", size=16).with_attributes(
        np.arange(24).reshape(12, 2) % 3 == 0, ("tall", "red")
    )
    iw.write_shards(images, tmp_path / "shards", count=2)
    opened = iw.open_images(tmp_path / "shards")
    assert (opened.attribute_names, opened.factor_names) == (images.attribute_names, images.factor_names)
    assert rows_by_name(opened) == rows_by_name(images)


def test_unknown_labels_and_attributes_stay_unknown(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8), np.uint8)
    images = iw.open_images(pixels, labels=["cat", None, "dog", "cat"])
    iw.write_shards(images, tmp_path / "labels", count=2)
    assert rows_by_name(iw.open_images(tmp_path / "labels")) == rows_by_name(images)
    images = iw.open_images(pixels).with_attributes(np.array([[1], [np.nan], [0], [1]]), ("tall",))
    iw.write_shards(images, tmp_path / "attributes", count=2)
    written = rows_by_name(iw.open_images(tmp_path / "attributes"))
    assert {key: str(row) for key, row in written.items()} == {
        key: str(row) for key, row in rows_by_name(images).items()
    }


@pytest.mark.parametrize("size", [None, 8])
def test_layers_survive(tmp_path: Path, picture: Callable[..., Image.Image], size: int | None) -> None:
    for name in ("input", "target", "labels"):
        (tmp_path / "pairs" / name).mkdir(parents=True)
    for seed in range(6):
        picture(seed, (16, 16)).save(tmp_path / "pairs" / "input" / f"{seed}.png")
        picture(seed + 50, (16, 16), "L").save(tmp_path / "pairs" / "target" / f"{seed}.png")
        numbers = np.random.default_rng(seed).integers(0, 5, (16, 16), np.uint8)
        Image.fromarray(numbers).save(tmp_path / "pairs" / "labels" / f"{seed}.png")
    options = {"layers": "input,target,labels", "kinds": "labels=labels:5"}
    images = iw.open_images(tmp_path / "pairs", size, **options)
    iw.write_shards(tmp_path / "pairs", tmp_path / "shards", count=2, size=size, **options)
    opened = iw.open_images(tmp_path / "shards")
    assert opened.layers == images.layers
    assert rows_by_name(opened) == rows_by_name(images)
    (key, members), *_ = grouped(tmp_path / "shards" / "shard-00000.tar")
    assert set(members) == {"input.png", "target.png", "labels.png"}
    if size is None:
        assert members["input.png"] == (tmp_path / "pairs" / "input" / f"{key}.png").read_bytes()
    assert iw.open_images(tmp_path / "shards", layers="input,target,labels").layers == images.layers
    with pytest.raises(ConfigError, match=r"are shards of the layers input, target, labels \(labels of 5 classes\)"):
        iw.open_images(tmp_path / "shards", layers="one,other")


def test_pairs_side_by_side_keep_their_file(tmp_path: Path, picture: Callable[..., Image.Image]) -> None:
    (tmp_path / "pairs").mkdir()
    for seed in range(4):
        picture(seed, (32, 16)).save(tmp_path / "pairs" / f"{seed}.png")
    iw.write_shards(tmp_path / "pairs", tmp_path / "shards", count=2, layers="input,target")
    opened = iw.open_images(tmp_path / "shards")
    assert rows_by_name(opened) == rows_by_name(iw.open_images(tmp_path / "pairs", layers="input,target"))
    assert opened.size == (16, 16)
    (key, members), *_ = grouped(tmp_path / "shards" / "shard-00001.tar")
    assert members == {"png": (tmp_path / "pairs" / f"{key}.png").read_bytes()}


def test_two_domains_become_two_sets(classes: Path, tmp_path: Path) -> None:
    two = tmp_path / "two"
    two.mkdir()
    shutil.copytree(classes / "cats", two / "trainA")
    shutil.copytree(classes / "dogs", two / "trainB")
    made = iw.write_shards(two, tmp_path / "shards", count=2)
    assert (made.count, made.shards) == (20, 4)
    for name in ("trainA", "trainB"):
        assert rows_by_name(iw.open_images(tmp_path / "shards" / name)) == rows_by_name(iw.open_images(two / name))


def test_prepared_shards_have_the_pixels_of_that_size(classes: Path, tmp_path: Path) -> None:
    made = iw.write_shards(classes, tmp_path / "png", size=8, count=2)
    assert rows_by_name(iw.open_images(tmp_path / "png")) == rows_by_name(iw.open_images(classes, 8))
    assert any("encoded anew at 8x8 as PNG" in note for note in made.notes)
    made = iw.write_shards(classes, tmp_path / "jpg", size=8, count=2, encoding="jpg")
    assert any("as JPG, quality 95, which changes pixels" in note for note in made.notes)
    assert all(name.endswith(".jpg") for name in iw.open_images(tmp_path / "jpg").names())


def test_the_same_pictures_seed_and_count_give_the_same_bytes(classes: Path, tmp_path: Path) -> None:
    def hashes(name: str, **options: Any) -> list[str]:
        iw.write_shards(classes, tmp_path / name, count=4, **options)
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((tmp_path / name).glob("*.tar"))]

    first = hashes("first")
    assert hashes("again", workers=1) == first
    assert set(hashes("seeded", seed=1)).isdisjoint(first)
    hashes("in turn", shuffle=False)
    labels = iw.open_images(tmp_path / "in turn").labels
    assert labels is not None
    assert labels.tolist() == [0, 0, 0, 1, 1] * 2 + [0, 0, 1, 1, 1] * 2  # picture k is in shard k % 4


def test_shuffled_shards_are_fair_shares(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (800, 1, 2, 2), np.uint8)
    iw.write_shards(iw.open_images(pixels, labels=np.arange(800) // 400), tmp_path / "shards", count=8)
    opened = iw.open_images(tmp_path / "shards")
    assert opened.labels is not None
    means = [opened.labels[start:stop].mean() for start, stop in opened._prepared.source.shards()]
    assert max(abs(mean - 0.5) for mean in means) < 0.2  # four standard deviations


def test_unreadable_pictures_are_left_out_and_counted(classes: Path, tmp_path: Path) -> None:
    whole = (classes / "cats" / "1.jpg").read_bytes()
    (classes / "cats" / "1.jpg").write_bytes(whole[: len(whole) // 2])
    made = iw.write_shards(classes, tmp_path / "shards", count=2)
    assert made.count == 19
    assert [name for name, _ in made.skipped] == ["cats/1.jpg"]
    assert any("1 unreadable picture is left out: cats/1.jpg" in note for note in made.notes)
    assert len(iw.open_images(tmp_path / "shards").prepare()) == 19


def test_names_that_no_key_can_have_are_changed_and_told(tmp_path: Path, picture: Callable[..., Image.Image]) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    for seed, name in enumerate(["7.png", "7.webp", "IMG.2021.png", "é.png"]):
        picture(seed).save(root / name, lossless=True)
    made = iw.write_shards(root, tmp_path / "shards", count=1)
    names = [name.partition("/")[2] for name in iw.open_images(tmp_path / "shards").names()]
    assert sorted(names) == ["7-2.webp", "7.png", "IMG_2021.png", "é.png"]
    assert any("occurs once: 2 (7.webp is 7-2, IMG.2021.png is IMG_2021)" in note for note in made.notes)


def test_opening_and_counting_reads_no_shard(classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    iw.write_shards(classes, tmp_path / "shards", count=4)
    opened_files: list[str] = []
    whole = Path.open

    def noted(self: Path, *given: Any, **options: Any) -> Any:
        opened_files.append(self.name)
        return whole(self, *given, **options)

    monkeypatch.setattr(Path, "open", noted)
    images = iw.open_images(tmp_path / "shards", cache=False)
    assert (len(images), images.size, images.class_names) == (20, (16, 16), ("cats", "dogs"))
    assert not [name for name in opened_files if name.endswith(".tar")]
    images.batch(np.array([6, 7]))
    assert {name for name in opened_files if name.endswith(".tar")} == {"shard-00001.tar"}


def test_a_part_of_the_shards_is_opened_by_a_pattern(classes: Path, tmp_path: Path) -> None:
    iw.write_shards(classes, tmp_path / "shards", count=4)
    whole = rows_by_name(iw.open_images(tmp_path / "shards"))
    part = iw.open_images(f"{tmp_path}/shards/shard-{{00001..00002}}.tar")
    assert len(part) == 10
    assert part.class_names == ("cats", "dogs")
    assert rows_by_name(part).items() <= whole.items()
    every = iw.open_images(f"{tmp_path}/shards/shard-*.tar")
    assert every.fingerprint == iw.open_images(tmp_path / "shards").fingerprint
    assert iw.open_images(tmp_path / "shards", only="cats/*").class_names == ("cats", "dogs")
    assert len(iw.open_images(tmp_path / "shards", only="cats/*")) == 10


def test_missing_shards_are_told_and_only_their_pictures_are_missing(classes: Path, tmp_path: Path) -> None:
    iw.write_shards(classes, tmp_path / "shards", count=4)
    (tmp_path / "shards" / "shard-00002.tar").unlink()
    images = iw.open_images(tmp_path / "shards", cache=False)
    assert any("1 of 4 shards: shard-00002.tar is not in" in note for note in images.notes)
    assert len(images.batch(np.arange(10)).images) == 10
    with pytest.raises(DataError, match=r"shard-00002\.tar is not in .* on this machine"):
        images.batch(np.array([10]))
    with pytest.raises(DataError, match=r"5 of 20 pictures .* are in shards that this machine does not have"):
        iw.open_images(tmp_path / "shards").prepare()
    # A pattern that names missing shards is one of the index, too.
    assert len(iw.open_images(f"{tmp_path}/shards/shard-{{00000..00003}}.tar", cache=False)) == 20
    assert iw.check(tmp_path / "shards").readable == 15


def test_what_cannot_be_written_is_refused_and_nothing_is_left(classes: Path, tmp_path: Path) -> None:
    out = tmp_path / "shards"
    for options, message in (
        ({"count": 2, "images_per_shard": 3}, "both say how many shards"),
        ({"count": 21}, "21 shards cannot be filled by 20 pictures"),
        ({"count": 0}, "a whole number from 1"),
        ({"encoding": "jpg"}, "give a size too"),
    ):
        with pytest.raises(ConfigError, match=message):
            iw.write_shards(classes, out, **options)
    with pytest.raises(RunError, match="one inside the other"):
        iw.write_shards(classes, classes / "shards")
    for path in classes.rglob("*.*"):
        path.write_bytes(b"no picture")
    with pytest.raises(DataError, match="None of the 20 pictures"):
        iw.write_shards(classes, out, size=8)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["photos"]


def test_an_interrupt_leaves_what_was_there(classes: Path, tmp_path: Path) -> None:
    iw.write_shards(classes, tmp_path / "shards", count=2)
    before = rows_by_name(iw.open_images(tmp_path / "shards"))

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    for shuffle in (True, False):
        with pytest.raises(KeyboardInterrupt):
            iw.write_shards(classes, tmp_path / "shards", count=4, force=True, shuffle=shuffle, progress=interrupt)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["photos", "shards"]
    assert rows_by_name(iw.open_images(tmp_path / "shards")) == before


def test_force_replaces_shards_and_nothing_else(classes: Path, tmp_path: Path) -> None:
    iw.write_shards(classes, tmp_path / "shards", count=2)
    with pytest.raises(RunError, match="exists already"):
        iw.write_shards(classes, tmp_path / "shards", count=4)
    iw.write_shards(classes, tmp_path / "shards", count=4, force=True)
    assert len(list((tmp_path / "shards").glob("*.tar"))) == 4
    (tmp_path / "shards" / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="holds other files"):
        iw.write_shards(classes, tmp_path / "shards", count=4, force=True)


def test_the_folder_that_one_is_in_is_replaced(classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    iw.write_shards(classes, ".", count=2, force=True)
    assert len(iw.open_images(tmp_path / "here")) == 20
    assert not list(tmp_path.glob(".*"))


def test_a_source_that_is_read_once_is_written_in_one_pass(classes: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "all.tar.gz", "w:gz") as packed:
        for path in sorted(classes.rglob("*.*")):
            packed.add(path, str(path.relative_to(classes)))
    made = iw.write_shards(tmp_path / "all.tar.gz", tmp_path / "shards", count=3)
    assert any("pictures keep their order within each shard" in note for note in made.notes)
    assert rows_by_name(iw.open_images(tmp_path / "shards")) == rows_by_name(iw.open_images(classes))


def test_shards_are_written_again_as_other_shards(classes: Path, tmp_path: Path) -> None:
    iw.write_shards(classes, tmp_path / "one", count=5, terms="CC BY 4.0")
    iw.write_shards(tmp_path / "one", tmp_path / "two", count=2)
    assert rows_by_name(iw.open_images(tmp_path / "two")) == rows_by_name(iw.open_images(classes))
    assert iw.check(tmp_path / "two").shards.terms == "CC BY 4.0"


def test_a_table_beside_the_shards_does_not_replace_their_labels(classes: Path, tmp_path: Path) -> None:
    iw.write_shards(classes, tmp_path / "shards", count=2)
    lines = [f"{path.name},{'odd' if int(path.stem) % 2 else 'even'}" for path in classes.rglob("*.*")]
    (tmp_path / "shards" / "labels.csv").write_text("\n".join(["image,label", *lines]))
    assert iw.open_images(tmp_path / "shards").class_names == ("cats", "dogs")
    assert iw.open_images(tmp_path / "shards", labels=tmp_path / "shards" / "labels.csv").class_names == ("even", "odd")


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """16 pictures of 12 bits in files of 16; the later ones are brighter."""
    root = tmp_path / "deep"
    root.mkdir()
    for seed in range(16):
        values = np.random.default_rng(seed).integers(0, 256 * (seed + 1), (8, 8)).astype(np.uint16)
        Image.fromarray(values).save(root / f"{seed:02d}.png")
    return root


def test_more_than_eight_bits_are_kept(deep: Path, tmp_path: Path) -> None:
    iw.write_shards(deep, tmp_path / "shards", count=2)
    for wanted in ("full", "auto", (0, 4095)):
        source = iw.open_images(deep, value_range=wanted)
        opened = iw.open_images(tmp_path / "shards", value_range=wanted)
        assert opened.value_range == source.value_range
        assert rows_by_name(opened) == rows_by_name(source)


def test_the_value_range_is_that_of_all_pictures_on_a_machine_with_few(deep: Path, tmp_path: Path) -> None:
    source = iw.open_images(deep, value_range="auto")
    shards = tmp_path / "shards"
    iw.write_shards(deep, shards, count=4, shuffle=False)
    for number in (1, 2, 3):  # the brightest picture is in the last one
        (shards / f"shard-{number:05d}.tar").unlink()
    few = iw.open_images(shards, value_range="auto", cache=False)
    assert few.value_range == source.value_range
    index = json.loads((shards / "shards.json").read_text())
    del index["values"]  # as an earlier version wrote it
    (shards / "shards.json").write_text(json.dumps(index))
    of_earlier = iw.open_images(shards, value_range="auto", cache=False)
    assert of_earlier.value_range != source.value_range


def test_shards_are_read_by_the_value_range_that_they_were_written_with(deep: Path, tmp_path: Path) -> None:
    source = iw.open_images(deep, value_range="0:4095")
    iw.write_shards(source, tmp_path / "shards", count=2)
    iw.write_shards(tmp_path / "shards", tmp_path / "again", count=4)
    iw.write_shards(source, tmp_path / "prepared", count=2, size=8)  # of 8 bits, in which the range is
    for name in ("shards", "again", "prepared"):
        opened = iw.open_images(tmp_path / name)
        assert rows_by_name(opened) == rows_by_name(source)
        assert opened.value_range == (None if name == "prepared" else (0, 4095))
    full = iw.open_images(tmp_path / "shards", value_range="full")
    assert rows_by_name(full) == rows_by_name(iw.open_images(deep))


@pytest.mark.parametrize("values", [{"count": 1}, {"count": 0, "floats": False, "chosen": [5, 5]}, [1]])
def test_a_value_range_that_is_none_is_refused(deep: Path, tmp_path: Path, values: object) -> None:
    iw.write_shards(deep, tmp_path / "shards", count=2)
    index = json.loads((tmp_path / "shards" / "shards.json").read_text())
    (tmp_path / "shards" / "shards.json").write_text(json.dumps(index | {"values": values}))
    with pytest.raises(DataError, match=r"shards\.json is damaged"):
        iw.open_images(tmp_path / "shards")
