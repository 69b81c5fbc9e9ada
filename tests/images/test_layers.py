"""Layers: pairs, label maps and instance maps are one picture, opened by folders or side by side, and cropped alike."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from imagewright.errors import ConfigError, DataError
from imagewright.images import Batch, Layer, open_images
from imagewright.images.descriptions import opening_options
from imagewright.images.one_by_one import read_one_by_one

COUNT = 6


def colours(seed: int, height: int = 10, width: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def pair(tmp_path: Path) -> dict[str, Path]:
    """`edges/K.png` and `photos/K.png`: colours of seed K, and the same colours inverted."""
    folders = {"input": tmp_path / "edges", "target": tmp_path / "photos"}
    for folder in folders.values():
        folder.mkdir()
    for seed in range(COUNT):
        Image.fromarray(colours(seed)).save(folders["input"] / f"{seed}.png")
        Image.fromarray(255 - colours(seed)).save(folders["target"] / f"{seed}.png")
    return folders


@pytest.fixture
def maps(tmp_path: Path) -> dict[str, Path]:
    """`labels/K.png` of 8x8 blocks, each of a class; `image` has 10 times the class as red, 16-bit `ids` 500 times."""
    folders = {name: tmp_path / name for name in ("labels", "ids", "image")}
    for folder in folders.values():
        folder.mkdir()
    for seed in range(COUNT):
        classes = np.random.default_rng(seed).integers(0, 7, (4, 4)).repeat(8, 0).repeat(8, 1)
        classes[0, 0] = 6
        picture = np.stack([classes * 10, classes * 0, classes * 0], 2).astype(np.uint8)
        Image.fromarray(picture).save(folders["image"] / f"{seed}.png")
        Image.fromarray(classes.astype(np.uint8)).save(folders["labels"] / f"{seed}.png")
        Image.fromarray((classes * 500).astype(np.uint16)).save(folders["ids"] / f"{seed}.png")
    return folders


MAPS = {"labels": "labels", "ids": "ids"}


# Pairs


def test_a_pair_is_one_picture_with_two_layers(pair: dict[str, Path]) -> None:
    images = open_images(pair)
    assert images.layers == (Layer("input", 3), Layer("target", 3))
    assert (len(images), images.size, images.channels) == (COUNT, (10, 12), 3)
    batch = images.batch(np.arange(COUNT))
    assert list(batch.layers) == ["input", "target"]
    assert batch.images is batch.layers["target"]
    for seed in range(COUNT):
        assert np.array_equal(batch.layers["input"][seed].permute(1, 2, 0), colours(seed))
    assert torch.equal(batch.layers["input"], 255 - batch.layers["target"])
    assert all(layer.is_contiguous(memory_format=torch.channels_last) for layer in batch.layers.values())


@pytest.mark.parametrize("cache", [True, False])
def test_crop_and_flip_are_the_same_for_all_layers(pair: dict[str, Path], cache: bool) -> None:
    images = open_images(pair, 8, crop="random", flip=True, cache=cache, resize="nearest")
    views = np.arange(60)
    batch = images.batch(views % COUNT, views=views, seed=3)
    assert len(np.unique(batch.layers["input"].flatten(1).numpy(), axis=0)) > 2 * COUNT  # crops and flips differ
    assert torch.equal(batch.layers["input"], 255 - batch.layers["target"])


def test_sub_folders_of_the_layers_names_and_of_a_split(pair: dict[str, Path], tmp_path: Path) -> None:
    expected = open_images(pair).batch(np.arange(COUNT)).layers["target"]
    for place in ("{}/A/{}", "{}/A/train/{}", "{}/trainA/{}", "{}/train_A/{}", "{}/train/A/{}"):
        for name, folder in (("A", pair["input"]), ("B", pair["target"])):
            for path in folder.iterdir():
                copy = tmp_path / place.format("set", path.name).replace("A", name)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)
        images = open_images(tmp_path / "set", layers="A,B", split="train" if "train" in place else None)
        assert torch.equal(images.batch(np.arange(COUNT)).layers["B"], expected), place
        shutil.rmtree(tmp_path / "set")


@pytest.mark.parametrize("top", ["", "set/", "set/train_"])
def test_sub_folders_of_a_zip(pair: dict[str, Path], tmp_path: Path, top: str) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name, folder in pair.items():
            for path in folder.iterdir():
                archive.write(path, f"{top}{name}/{path.name}")
    images = open_images(tmp_path / "set.zip", layers=("input", "target"))
    assert torch.equal(images.batch(np.arange(2)).images, open_images(pair).batch(np.arange(2)).images)


def test_side_by_side_pictures_are_cut(pair: dict[str, Path], tmp_path: Path) -> None:
    both = tmp_path / "both"
    both.mkdir()
    for seed in range(COUNT):
        Image.fromarray(np.concatenate([colours(seed), 255 - colours(seed)], 1)).save(both / f"{seed}.png")
    images = open_images(both, layers="input,target")
    assert images.size == (10, 12)
    batch, expected = images.batch(np.arange(COUNT)), open_images(pair).batch(np.arange(COUNT))
    for name in ("input", "target"):
        assert torch.equal(batch.layers[name], expected.layers[name])
    grey = open_images(both, 5, {"input": 1}, layers=("input", "target"))
    assert [layer.channels for layer in grey.layers] == [1, 3]
    assert grey.batch(np.arange(2)).layers["input"].shape == (2, 1, 5, 5)
    with pytest.raises(DataError, match="24 is no multiple of 5"):
        open_images(both, layers="a,b,c,d,e")
    Image.fromarray(colours(9, 10, 23)).save(both / "odd.png")
    odd = open_images(both, layers="input,target").prepare()
    assert [name for name, _ in odd.skipped] == ["odd.png"]


# Pairing


def test_pictures_without_a_partner_are_left_out_and_noted(pair: dict[str, Path]) -> None:
    (pair["input"] / "3.png").unlink()
    for name in ("0", "4"):
        (pair["target"] / f"{name}.png").unlink()
    images = open_images(pair)
    assert images.names() == ["1.png", "2.png", "5.png"]
    assert np.array_equal(images.batch(np.array([2])).layers["input"][0].permute(1, 2, 0), colours(5))
    assert "2 of 5 (0.png, 4.png)" in images.notes[0]
    assert "1 of 4 (3.png)" in images.notes[1]


def test_pairing_by_path_if_file_names_come_twice(pair: dict[str, Path]) -> None:
    for folder in pair.values():
        for animal in ("cats", "dogs"):
            (folder / animal).mkdir()
        for seed in range(4):
            (folder / f"{seed}.png").rename(folder / ("cats" if seed < 2 else "dogs") / f"{seed % 2}.png")
        (folder / "4.png").unlink()
        (folder / "5.png").unlink()
    images = open_images(pair)
    assert images.names() == ["cats/0.png", "cats/1.png", "dogs/0.png", "dogs/1.png"]
    assert images.class_names == ("cats", "dogs")
    batch = images.batch(np.arange(4))
    assert torch.equal(batch.layers["input"], 255 - batch.layers["target"])
    assert batch.labels is not None
    assert batch.labels.tolist() == [0, 0, 1, 1]


def test_pairing_without_what_all_names_of_a_layer_share(pair: dict[str, Path]) -> None:
    for name, form in (("input", "town_{}_labelIds"), ("target", "town_{}_photo")):
        for seed in range(COUNT):
            (pair[name] / f"{seed}.png").rename(pair[name] / f"{form.format(f'00{seed}')}.png")
    images = open_images(pair)
    assert len(images) == COUNT
    assert "_labelIds" in images.notes[0]
    batch = images.batch(np.arange(COUNT))
    assert torch.equal(batch.layers["input"], 255 - batch.layers["target"])


def test_arrays_are_paired_by_their_place() -> None:
    values = np.stack([colours(seed) for seed in range(4)])
    images = open_images({"input": values, "target": 255 - values[:3]})
    batch = images.batch(np.arange(3))
    assert torch.equal(batch.layers["input"], 255 - batch.layers["target"])
    assert "1 of 4" in images.notes[0]


def test_no_partner_at_all_shows_a_name_of_each_side(pair: dict[str, Path]) -> None:
    for seed in range(COUNT):
        (pair["input"] / f"{seed}.png").rename(pair["input"] / f"{'abcdef'[seed]}.png")
    with pytest.raises(DataError, match=r"a\.png.*0\.png"):
        open_images(pair)


# Label and instance maps


def test_maps_are_numbers_and_never_blended(maps: dict[str, Path]) -> None:
    images = open_images(maps, kinds=MAPS)
    assert images.layers == (Layer("labels", 1, "labels", 7), Layer("ids", 1, "ids"), Layer("image", 3))
    batch = images.batch(np.arange(COUNT))
    assert batch.layers["labels"].dtype == batch.layers["ids"].dtype == torch.int64
    assert batch.layers["labels"].shape == (COUNT, 32, 32)
    assert torch.equal(batch.layers["labels"] * 500, batch.layers["ids"])
    assert torch.equal(batch.layers["labels"] * 10, batch.images[:, 0].long())
    small = open_images(maps, 12, kinds=MAPS).batch(np.arange(COUNT)).layers
    assert set(small["ids"].unique().tolist()) <= {500 * number for number in range(7)}
    assert torch.equal(small["labels"] * 500, small["ids"])
    blended = small["image"][:, 0] % 10 != 0
    assert blended.any(), "the picture itself is resized with antialiasing"


def test_maps_are_cropped_and_flipped_with_their_picture(maps: dict[str, Path]) -> None:
    images = open_images(maps, 16, kinds=MAPS, crop="random", flip=True, resize="nearest")
    views = np.arange(40)
    batch = images.batch(views % COUNT, views=views, seed=1)
    assert torch.equal(batch.layers["labels"] * 10, batch.images[:, 0].long())
    assert torch.equal(batch.layers["labels"] * 500, batch.layers["ids"])


def test_a_palette_picture_gives_its_indices(maps: dict[str, Path]) -> None:
    before = open_images(maps, kinds=MAPS).batch(np.arange(COUNT)).layers["labels"]
    for path in maps["labels"].iterdir():
        indexed = Image.open(path).convert("L")
        indexed.putpalette(bytes(np.random.default_rng(0).integers(0, 256, 768, np.uint8)))
        indexed.save(path)
    assert torch.equal(open_images(maps, kinds=MAPS).batch(np.arange(COUNT)).layers["labels"], before)


def test_the_number_of_classes_may_be_given(maps: dict[str, Path]) -> None:
    assert open_images(maps, kinds="labels=labels:35,ids=ids").layers[0].classes == 35
    images = open_images(maps, kinds=MAPS | {"labels": "labels:6"})
    with pytest.raises(DataError, match="class 6, and there are 6 classes"):
        images.prepare()


def test_unreadable_layers_are_named(maps: dict[str, Path]) -> None:
    Image.fromarray(colours(0, 32, 32)).save(maps["ids"] / "0.png")
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(maps["labels"] / "1.jpg")
    (maps["labels"] / "1.png").unlink()
    Image.fromarray(np.zeros((32, 30), np.uint8)).save(maps["labels"] / "2.png")
    (maps["image"] / "3.png").write_bytes(b"no picture")
    images = open_images(maps, kinds=MAPS).prepare()
    reasons = dict(images.skipped)
    assert list(reasons) == ["0.png", "1.png", "2.png", "3.png"]
    assert "layer ids" in reasons["0.png"]
    assert "one number a pixel" in reasons["0.png"]
    assert "JPEG" in reasons["1.png"]
    assert "labels 30x32" in reasons["2.png"]
    assert "layer image" in reasons["3.png"]
    assert images.names() == ["4.png", "5.png"]
    with pytest.raises(DataError, match=r"1\.png"):
        open_images(maps, kinds=MAPS, strict=True, cache=False).batch(np.array([1]))


def test_numbers_above_255_are_ids(maps: dict[str, Path]) -> None:
    with pytest.raises(DataError, match=r"up to 3,000.*kinds=ids=ids"):
        open_images(maps, kinds={"labels": "labels", "ids": "labels"})


# Errors and records


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": "input,input"}, "different names"),
        ({"layers": ""}, "different names"),
        ({"layers": ("in put", "target")}, "different names"),
        ({"layers": "input,photo"}, "input, target"),
        ({"kinds": {"inptu": "labels"}}, "Did you mean 'input'"),
        ({"kinds": {"input": "lables"}}, "Did you mean 'labels'"),
        ({"kinds": {"input": "ids:7"}}, "NUMBER_OF_CLASSES"),
        ({"kinds": {"input": "labels:0"}}, "1 to 256"),
        ({"kinds": "input"}, "NAME=KIND"),
        ({"kinds": {"input": "ids", "target": "ids"}}, "must be a picture"),
        ({"channels": {"inputs": 1}}, "input, target"),
        ({"channels": {"input": 2}}, "2 channels"),
    ],
)
def test_wrong_options_say_what_was_expected(pair: dict[str, Path], options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_images(pair, **options)  # type: ignore[arg-type]


def test_a_plain_set_has_no_other_kinds(pair: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match="must be a picture"):
        open_images(pair["input"], layers="image", kinds="image=labels")
    with pytest.raises(ConfigError, match="only the layer image"):
        open_images(pair["input"], kinds="labels=labels")


def test_the_folders_a_and_b_are_the_layers_in_their_order(pair: dict[str, Path], tmp_path: Path) -> None:
    for name, folder in (("trainA", pair["input"]), ("trainB", pair["target"])):
        shutil.copytree(folder, tmp_path / "set" / name)
    opened = open_images(tmp_path / "set", layers="input,target")
    assert any("trainA as input and trainB as target" in note for note in opened.notes)
    batch, expected = opened.batch(np.arange(3)), open_images(pair).batch(np.arange(3))
    assert all(torch.equal(batch.layers[name], expected.layers[name]) for name in ("input", "target"))
    turned = open_images(tmp_path / "set", layers="target,input").batch(np.arange(3))
    assert turned.layers["target"].shape == expected.layers["input"].shape
    with pytest.raises(DataError, match="trainC"):
        open_images(tmp_path / "set", layers="A,B,C")


def test_a_missing_layer_is_named_with_how_to_open_it(pair: dict[str, Path]) -> None:
    images = open_images(pair)
    images.check_layers(("input", "target"))
    images.check_layers(("image",))
    with pytest.raises(DataError, match=r"no layer labels, only input, target.*layers="):
        images.check_layers(("labels", "target"))
    with pytest.raises(DataError, match="--image-layers input,target"):
        open_images(pair["input"]).check_layers(("input", "target"))


@pytest.mark.parametrize("which", ["pair", "maps", "plain"])
def test_a_record_opens_the_same_set_again(which: str, pair: dict[str, Path], maps: dict[str, Path]) -> None:
    source, kinds = {"pair": (pair, None), "maps": (maps, MAPS), "plain": (pair["input"], None)}[which]
    images = open_images(source, 8, crop="random", flip=True, kinds=kinds)
    record = json.loads(json.dumps(images.describe()))
    again = open_images(source, **opening_options(record))
    assert again.describe() | {"notes": None} == images.describe() | {"notes": None}
    if which != "plain":
        assert [layer["source"] for layer in record["layers"]] == [str(path) for path in source.values()]


def test_names_and_order_of_layers_are_part_of_the_fingerprint(pair: dict[str, Path]) -> None:
    swapped = {"input": pair["target"], "target": pair["input"]}
    prints = [open_images(source, 8).fingerprint for source in (pair, swapped, pair["input"], pair["target"])]
    assert len(set(prints)) == 4
    assert open_images(pair, 8, flip=True).fingerprint == prints[0]


def test_sizes_channels_subsets_and_streams_keep_the_layers(maps: dict[str, Path]) -> None:
    images = open_images(maps, kinds=MAPS)
    grey = images.with_size(16, 1)
    assert [layer.channels for layer in grey.layers] == [1, 1, 1]
    assert grey.batch(np.array([0])).images.shape == (1, 1, 16, 16)
    assert open_images(images, channels=4).layers[2].channels == 4
    some = images.subset(np.array([4, 1]))
    assert torch.equal(some.batch(np.array([1])).layers["ids"], images.batch(np.array([1])).layers["ids"])
    streamed = list(images.stream(4))
    assert [list(batch.layers) for batch in streamed] == 2 * [["labels", "ids", "image"]]
    assert torch.equal(streamed[1].layers["labels"], images.batch(np.array([4, 5])).layers["labels"])
    with pytest.raises(ConfigError, match="open already"):
        open_images(images, layers="a,b")


def test_layers_are_read_one_by_one_at_their_own_size(pair: dict[str, Path], tmp_path: Path) -> None:
    both = tmp_path / "both"
    both.mkdir()
    for seed in range(2):
        Image.fromarray(np.concatenate([colours(seed), 255 - colours(seed)], 1)).save(both / f"{seed}.png")
    for images in (open_images(pair, 4), open_images(both, 4, layers="input,target")):
        for layer, expected in (("input", colours(1)), ("target", 255 - colours(1))):
            pictures = dict(read_one_by_one(images, 3, layer=layer))
            assert np.array_equal(pictures[1].permute(1, 2, 0), expected)
        with pytest.raises(DataError, match="layers input, target"):
            next(read_one_by_one(images, 3))


@pytest.mark.learning
def test_many_pairs_are_decoded_by_worker_processes(tmp_path: Path) -> None:
    for name in ("input", "target"):
        (tmp_path / name).mkdir()
    for number in range(2001):
        level = number % 200
        Image.new("L", (4, 4), level).save(tmp_path / "input" / f"{number:04d}.png")
        Image.new("L", (4, 4), level + 50).save(tmp_path / "target" / f"{number:04d}.png")
    images = open_images(tmp_path, layers="input,target").prepare(workers=2)
    batch = images.batch(np.arange(2001))
    assert torch.equal(batch.layers["input"][:, 0, 0, 0], torch.arange(2001) % 200)
    assert torch.equal(batch.layers["input"] + 50, batch.layers["target"])


# Batches


def test_a_batch_maps_every_tensor_once() -> None:
    images, ids = torch.zeros(3, 1, 2, 2, dtype=torch.uint8), torch.arange(12).reshape(3, 2, 2)
    batch = Batch(images, torch.arange(3), layers={"ids": ids, "image": images})
    calls: list[torch.Tensor] = []
    moved = batch.map(lambda tensor: calls.append(tensor) or tensor + 1)  # type: ignore[func-returns-value]
    assert len(calls) == 3
    assert moved.images is moved.layers["image"]
    assert torch.equal(moved.layers["ids"], ids + 1)
    rows = batch.rows(torch.tensor([2, 0]))
    assert torch.equal(rows.layers["ids"], ids[[2, 0]])
    assert rows.labels is not None
    assert rows.labels.tolist() == [2, 0]


def test_a_plain_batch_has_one_layer(pair: dict[str, Path]) -> None:
    batch = open_images(pair["input"]).batch(np.arange(2))
    assert list(batch.layers) == ["image"]
    assert batch.layers["image"] is batch.images
    alone = Batch(batch.images)
    assert alone.layers["image"] is alone.images
