"""Shards and indices that were changed: each ends in pictures or in one sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imagewright as iw
from imagewright.errors import DataError
from imagewright.images.sources.shard_index import INDEX


def test_truncated_and_changed_shards_are_refused(classes: Path, tmp_path: Path) -> None:
    iw.write_shards(classes, tmp_path / "shards", count=2)
    path = tmp_path / "shards" / "shard-00001.tar"
    assert iw.check(tmp_path / "shards").shards.lines()[0].endswith("those that were written (SHA-256)")
    content = path.read_bytes()
    path.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
    with pytest.raises(DataError, match=r"1 of 2 shards in .* not as they were written \(SHA-256\): shard-00001\.tar"):
        iw.check(tmp_path / "shards")
    other = tmp_path / "shards" / "shard-00000.tar"
    other.rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"1 of 1 shard in .* shard-00001\.tar.* 1 more shard is not on this machine\."):
        iw.check(tmp_path / "shards")
    (tmp_path / "elsewhere").rename(other)
    path.write_bytes(bytes(len(content)))
    with pytest.raises(DataError, match=r"shard-00001\.tar is not the shard that was written"):
        iw.open_images(tmp_path / "shards", cache=False).batch(np.array([15]))
    path.write_bytes(content[:-512])
    with pytest.raises(DataError, match=f"has {len(content) - 512:,} bytes, and {len(content):,} were written"):
        iw.open_images(tmp_path / "shards")


def damage(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda record: record.update(version=2), "version 2, and this imagewright reads version 1"),
        (lambda record: record["shards"][0].update(name="../x.tar"), "no name of a shard"),
        (lambda record: record["shards"][0].update(count=6), "contradict each other"),
        (lambda record: record["shards"][0].update(bytes=600), "outside its shard"),
        (lambda record: record.update(class_names=["one"]), "a label has no class"),
        (lambda record: record.pop("layers"), "'layers' is missing"),
        (lambda record: record.update(size=[0, 4]), "a size is none"),
        (lambda record: record["tables"].update(sha256="0"), "not the one that was written"),
        (lambda record: record.update(shards={}), "is damaged"),
    ],
)
def test_a_damaged_index_is_one_sentence(
    classes: Path, tmp_path: Path, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    iw.write_shards(classes, tmp_path / "shards", count=4)
    damage(tmp_path / "shards" / INDEX, change)
    with pytest.raises(DataError, match=re.escape(message)):
        iw.open_images(tmp_path / "shards")


def message_of(folder: Path) -> str:
    """What opening and reading shards says is wrong; nothing if they can be read. Other errors pass."""
    try:
        images = iw.open_images(folder, cache=False)
        images.batch(np.arange(len(images)))
    except iw.UserError as error:
        return str(error)
    return ""


def test_random_changes_of_the_index_end_in_pictures_or_one_sentence(classes: Path, tmp_path: Path) -> None:
    iw.write_shards(classes, tmp_path / "shards", count=2)
    path = tmp_path / "shards" / INDEX
    whole, messages = path.read_bytes(), []
    for seed in range(60):
        generator, changed = np.random.default_rng(seed), bytearray(whole)
        for place in generator.integers(0, len(whole), 1 + seed % 3).tolist():
            letter = generator.choice(np.frombuffer(b'0123456789-{}[]",e', np.uint8), 1)
            changed[place : place + int(generator.integers(0, 4))] = letter.tobytes()
        path.write_bytes(changed)
        messages.append(message_of(tmp_path / "shards"))
    assert not any("\n" in message for message in messages)
    assert sum(map(bool, messages)) > 20
