"""Tar shards in WebDataset layout: samples by key, patterns, and shares of a stream."""

from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest
import torch

from imagewright.errors import ConfigError, DataError
from imagewright.images import open_images


def encoded(image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def write_tar(path, members, mode="w") -> None:
    with tarfile.open(path, mode) as shard:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            shard.addfile(member, io.BytesIO(content))


def samples(numbers, picture):
    for number in numbers:
        yield f"{number:04d}.cls", str(number % 3).encode()
        yield f"{number:04d}.png", encoded(picture(number))
        yield f"{number:04d}.json", json.dumps({"tall": number % 2, "text": "a caption", "size": 7}).encode()


@pytest.fixture
def shards(tmp_path, picture):
    """Four shards of five samples, `000.tar` to `003.tar`."""
    root = tmp_path / "shards"
    root.mkdir()
    for number in range(4):
        write_tar(root / f"{number:03d}.tar", samples(range(5 * number, 5 * number + 5), picture))
    return root


@pytest.mark.parametrize("pattern", ["{000..003}.tar", "*.tar", "{000,001,002,003}.tar", "0{00..03}.tar", ""])
def test_patterns_of_shards(shards, picture, pixels_of, pattern) -> None:
    images = open_images(str(shards / pattern) if pattern else shards)
    assert len(images) == 20
    assert images.name(6) == "001.tar/0006.png"
    assert images.labels.tolist() == [number % 3 for number in range(20)]
    assert images.attribute_names == ("tall",)
    assert images.attributes[:, 0].tolist() == [number % 2 for number in range(20)]
    batch = images.batch(np.array([13, 2]))
    assert np.array_equal(batch.images[0].numpy(), pixels_of(picture(13)))
    assert np.array_equal(batch.images[1].numpy(), pixels_of(picture(2)))


def test_compressed_shards_have_the_same_pictures(tmp_path, shards, picture) -> None:
    for ending, mode in (("tar.gz", "w:gz"), ("tgz", "w:gz"), ("tar.xz", "w:xz")):
        write_tar(tmp_path / f"all.{ending}", samples(range(20), picture), mode)
        images = open_images(tmp_path / f"all.{ending}")
        assert torch.equal(
            images.batch(np.arange(20)).images, open_images(shards / "{000..003}.tar").batch(np.arange(20)).images
        )
        assert images.labels.tolist() == [number % 3 for number in range(20)]


def test_a_compressed_shard_may_begin_with_an_unreadable_picture(tmp_path, picture) -> None:
    write_tar(tmp_path / "a.tar.gz", [("0.png", b"text"), *samples(range(1, 4), picture)], "w:gz")
    images = open_images(tmp_path / "a.tar.gz").prepare()
    assert (len(images), images.size) == (3, (10, 12))


def test_folders_inside_a_tar_are_classes_and_splits(tmp_path, picture) -> None:
    members = [
        (f"./{part}/{kind}/{n}.png", encoded(picture(n))) for part in ("train", "test") for kind in "ab" for n in (1, 2)
    ]
    write_tar(tmp_path / "set.tar", members)
    images = open_images(tmp_path / "set.tar", split="test")
    assert images.labels.tolist() == [0, 0, 1, 1]
    assert images.name(3) == "set.tar/test/b/2.png"
    assert len(images.prepare()) == 4


@pytest.mark.parametrize(("world", "workers"), [(1, 1), (2, 1), (2, 2), (3, 2), (1, 3)])
def test_a_stream_gives_each_picture_to_exactly_one_reader(shards, world, workers) -> None:
    images = open_images(shards)
    expected = {row.numpy().tobytes() for row in images.batch(np.arange(20)).images}
    seen = [
        (row.numpy().tobytes(), int(label))
        for rank in range(world)
        for worker in range(workers)
        for batch in images.stream(3, rank, world, worker, workers)
        for row, label in zip(batch.images, batch.labels, strict=True)
    ]
    assert len(seen) == 20
    assert {pixels for pixels, _ in seen} == expected
    order = {row.numpy().tobytes(): number for number, row in enumerate(images.batch(np.arange(20)).images)}
    assert all(label == order[pixels] % 3 for pixels, label in seen)


def test_a_stream_reads_whole_shards_and_writes_no_cache(shards, cache) -> None:
    images = open_images(shards, size=8, channels=1)
    batches = list(images.stream(4, rank=1, world=2))
    assert [len(batch.images) for batch in batches] == [4, 4, 2]
    labels = torch.cat([batch.labels for batch in batches]).tolist()
    assert labels == [number % 3 for number in (*range(5, 10), *range(15, 20))]  # the second and the fourth shard
    assert list(cache.iterdir()) == []
    with pytest.raises(ConfigError, match="Rank 2 of 2"):
        next(images.stream(4, rank=2, world=2))


def test_missing_truncated_and_damaged_shards(shards, tmp_path) -> None:
    with pytest.raises(DataError, match=r"2 of 6 shards are missing, the first is .*004\.tar"):
        open_images(str(shards / "{000..005}.tar"))
    with pytest.raises(DataError, match=r"no file fits"):
        open_images(str(shards / "x*.tar"))
    with pytest.raises(DataError, match="empty or too long"):
        open_images(str(shards / "{5..2}.tar"))
    with pytest.raises(DataError, match="only tar shards"):
        open_images(str(shards / "*.jpg"))
    content = (shards / "001.tar").read_bytes()
    (shards / "001.tar").write_bytes(content[: len(content) // 2 - 100])
    with pytest.raises(DataError, match=r"001\.tar is no tar file, or is cut short"):
        open_images(shards)
    (tmp_path / "text.tar").write_text("no tar\n" * 200)
    with pytest.raises(DataError, match="no tar file"):
        open_images(tmp_path / "text.tar")


def test_unsafe_members(tmp_path, picture) -> None:
    write_tar(tmp_path / "evil.tar", [("../x.png", encoded(picture()))])
    with pytest.raises(DataError, match="points outside"):
        open_images(tmp_path / "evil.tar")
    with tarfile.open(tmp_path / "links.tar", "w") as shard:
        link = tarfile.TarInfo("a.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        shard.addfile(link)
        good = tarfile.TarInfo("b.png")
        good.size = len(encoded(picture()))
        shard.addfile(good, io.BytesIO(encoded(picture())))
    assert open_images(tmp_path / "links.tar").names() == ["links.tar/b.png"]
    bomb = tarfile.TarInfo("bomb.png")
    bomb.size = 2**40
    (tmp_path / "bomb.tar").write_bytes(bomb.tobuf())
    with pytest.raises(DataError, match="refused"):
        open_images(tmp_path / "bomb.tar")


def test_there_are_no_labels_if_some_samples_have_none(tmp_path, picture) -> None:
    write_tar(tmp_path / "a.tar", [*samples(range(3), picture), ("0009.png", encoded(picture(9)))])
    images = open_images(tmp_path / "a.tar")
    assert len(images) == 4
    assert images.labels is None
    assert "Only 3 of 4 samples have a label" in images.notes[0]


def test_a_shard_that_vanishes_or_changes_during_prepare(shards) -> None:
    images = open_images(shards)
    (shards / "002.tar").unlink()
    with pytest.raises(DataError, match=r"002\.tar vanished"):
        images.prepare()
    images = open_images(shards)
    with open(shards / "000.tar", "ab") as file:
        file.write(bytes(512))
    with pytest.raises(DataError, match=r"000\.tar changed"):
        images.prepare()


# Names with dots, members in any order, what systems add


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_names_with_dots_keep_every_picture(tmp_path, picture, pixels_of, mode) -> None:
    names = [f"2021.03.{number:02d}_cam" for number in range(6)]
    members = [
        each
        for number, name in enumerate(names)
        for each in ((f"{name}.png", encoded(picture(number))), (f"{name}.cls", str(number % 2).encode()))
    ]
    path = tmp_path / ("a.tar" if mode == "w" else "a.tar.gz")
    write_tar(path, members, mode)
    images = open_images(path)
    assert images.names() == [f"{path.name}/{name}.png" for name in names]
    assert images.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert np.array_equal(images.batch(np.array([4])).images[0].numpy(), pixels_of(picture(4)))
    assert images.notes == []


def test_several_pictures_of_a_key_are_all_kept_and_share_its_label(tmp_path, picture) -> None:
    members = [(f"{key}.{side}.png", encoded(picture(key))) for key in (1, 2) for side in ("left", "right")]
    write_tar(tmp_path / "a.tar", [*members, ("1.cls", b"x"), ("2.cls", b"y")])
    images = open_images(tmp_path / "a.tar")
    assert [images.class_name(index) for index in range(4)] == ["x", "x", "y", "y"]


def test_companions_and_second_pictures_are_left_out_and_counted(tmp_path, picture) -> None:
    members = [
        (f"{number}.{ending}", encoded(picture(number))) for number in range(3) for ending in ("png", "mask.png", "gif")
    ]
    write_tar(tmp_path / "a.tar", members)
    images = open_images(tmp_path / "a.tar")
    assert images.names() == [f"a.tar/{number}.png" for number in range(3)]
    assert images.notes == ["Further pictures of samples that have one already, left out: 6; .mask.png (3), .gif (3)."]


def test_names_with_dots_beside_one_without_are_kept(tmp_path, picture) -> None:
    members = [(name, encoded(picture(seed))) for seed, name in enumerate(["a.png", "b.png", "b.00.png", "b.01.png"])]
    write_tar(tmp_path / "a.tar", members)
    assert len(open_images(tmp_path / "a.tar")) == 4


def test_members_in_any_order_and_what_macos_adds(tmp_path, picture) -> None:
    members = list(samples(range(6), picture))
    members.sort(key=lambda member: member[0].rpartition(".")[2])  # all .cls, then all .json, then all .png
    spread = []
    for name, content in members:
        spread += [(f"./._{name}", b"Mac OS X" * 20), (f"./{name}", content), (f"__MACOSX/._{name}", b"x")]
    write_tar(tmp_path / "a.tar", spread)
    images = open_images(tmp_path / "a.tar")
    assert images.names() == [f"a.tar/{number:04d}.png" for number in range(6)]
    assert images.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert images.attributes[:, 0].tolist() == [0, 1, 0, 1, 0, 1]
    assert images.notes == ["Members that macOS or another system added, passed over: 36."]


def test_text_members_are_labels_or_captions(tmp_path, picture) -> None:
    def write(texts):
        members = [
            each
            for number, text in enumerate(texts)
            for each in ((f"{number}.txt", text.encode()), (f"{number}.png", encoded(picture(number))))
        ]
        write_tar(tmp_path / "a.tar", members)
        return open_images(tmp_path / "a.tar")

    assert write(["007", "7", "007", "1_1"]).class_names == ("007", "1_1", "7")
    images = write([f"a photograph of {number} birds" for number in range(5)])
    assert images.class_names is None
    assert ".txt members hold as many values as pictures" in images.notes[0]
    assert write(["a caption of many words " * 10, "short"]).class_names is None


def test_labels_are_as_written_and_empty_ones_are_none(tmp_path, picture) -> None:
    for texts, classes in ((("1", "3", "3"), ("1", "3")), (("1_1", "11", ""), ("11", "1_1"))):
        members = [
            each
            for number, text in enumerate(texts)
            for each in ((f"{number}.png", encoded(picture(number))), (f"{number}.cls", text.encode()))
        ]
        write_tar(tmp_path / "a.tar", members)
        images = open_images(tmp_path / "a.tar")
        assert images.class_names == classes
        assert [images.class_name(index) for index in range(3)] == [text or None for text in texts]


def test_one_hot_labels_in_json_members(tmp_path, picture) -> None:
    members = [
        each
        for number in range(4)
        for each in (
            (f"{number}.png", encoded(picture(number))),
            (f"{number}.json", json.dumps({"label": [int(number % 3 == place) for place in range(3)]}).encode()),
        )
    ]
    write_tar(tmp_path / "a.tar", members)
    images = open_images(tmp_path / "a.tar")
    assert [images.class_name(index) for index in range(4)] == ["0", "1", "2", "0"]


@pytest.mark.parametrize("damaged", [b"{", b"[" * 100_000, b'{"label": ' + b"9" * 5000 + b"}", b"\xff\xfe", b"3"])
def test_damaged_json_members_do_not_block(tmp_path, picture, damaged) -> None:
    write_tar(tmp_path / "a.tar", [("0.png", encoded(picture(0))), ("0.json", damaged)])
    images = open_images(tmp_path / "a.tar")
    assert (len(images), images.labels) == (1, None)
    assert damaged == b"3" or "no valid JSON" in images.notes[0]
