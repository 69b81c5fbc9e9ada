"""Provenance records are read back from every format; failures leave no file."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagewright.errors import DataError, RunError, UserError
from imagewright.output.inspecting import inspect_file
from imagewright.output.provenance import (
    COMPOSITE,
    GENERATED,
    from_xmp,
    make_record,
    to_xmp,
)
from imagewright.output.writing import (
    new_file,
    write_animation,
    write_image,
    write_images_folder,
    write_npz,
)

RECORD = make_record(
    "sample",
    model="vae",
    run="runs/fäces <&>",
    seed=7,
    images_seen=200_000,
    settings={"count": 4, "text": '"]]> \u0001 ü'},
)


def pictures(count: int = 3, channels: int = 3, height: int = 9, width: int = 14) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, channels, height, width), np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_picture_carries_its_record(tmp_path: Path, suffix: str, channels: int) -> None:
    path = write_image(pictures(1, channels)[0], tmp_path / "new" / f"picture{suffix}", RECORD)
    found = inspect_file(path)
    assert found["provenance"] == RECORD
    assert (found["kind"], found["width"], found["height"], found["frames"]) == ("picture", 14, 9, 1)
    assert b"Iptc4xmpExt:DigitalSourceType>" + GENERATED.encode() in path.read_bytes()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_lossless_formats_are_exact(tmp_path: Path, suffix: str) -> None:
    image = pictures(1)[0]
    path = write_image(image, tmp_path / f"picture{suffix}", RECORD)
    assert np.array_equal(np.asarray(Image.open(path).convert("RGB")), image.transpose(1, 2, 0))


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_an_animation_carries_its_record_and_loops(tmp_path: Path, suffix: str) -> None:
    path = write_animation(pictures(5), tmp_path / f"walk{suffix}", RECORD)
    found = inspect_file(path)
    assert found["provenance"] == RECORD
    assert found["frames"] == 5
    with Image.open(path) as animation:
        assert animation.info["loop"] == 0
        animation.seek(4)
        assert animation.convert("RGB").size == (14 * 18, 9 * 18)


def test_a_video_carries_its_record_and_plays(tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="needs PyAV, of the extra `faces`")
    path = write_animation(pictures(5, 1, 7, 9), tmp_path / "walk.mp4", RECORD, frames_per_second=5)
    assert inspect_file(path)["provenance"] == RECORD
    with av.open(str(path)) as container:
        assert json.loads(container.metadata["comment"]) == RECORD
        assert sum(1 for _ in container.decode(video=0)) == 5


def test_raw_arrays_carry_their_record_and_need_no_pickle(tmp_path: Path) -> None:
    images = pictures()
    path = write_npz({"images": images}, tmp_path / "raw.npz", RECORD)
    found = inspect_file(path)
    assert found["provenance"] == RECORD
    assert found["arrays"]["images"] == {"shape": [3, 3, 9, 14], "dtype": "uint8"}
    with np.load(path, allow_pickle=False) as archive:
        assert np.array_equal(archive["images"], images)


def test_a_folder_gets_one_picture_each_with_its_index(tmp_path: Path) -> None:
    images = pictures()
    paths = write_images_folder(images, tmp_path / "out", RECORD)
    assert [path.name for path in paths] == ["00000.png", "00001.png", "00002.png"]
    assert inspect_file(paths[2])["provenance"] == RECORD | {"index": 2}
    assert np.array_equal(np.asarray(Image.open(paths[1])), images[1].transpose(1, 2, 0))
    named = write_images_folder(images, tmp_path / "named", RECORD, names=["a/x.jpg", "b/x.jpg", "y.jpg"])
    assert len(set(named)) == 3
    assert all("x" in path.name for path in named[:2])


def test_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    path = tmp_path / "mine.png"
    path.write_bytes(b"precious")
    with pytest.raises(RunError, match="--force"):
        write_image(pictures(1)[0], path, RECORD)
    assert path.read_bytes() == b"precious"
    write_image(pictures(1)[0], path, RECORD, force=True)
    assert inspect_file(path)["provenance"] == RECORD
    (tmp_path / "00001.png").touch()
    with pytest.raises(RunError, match=r"00001\.png exists"):
        write_images_folder(pictures(), tmp_path, RECORD)
    assert not (tmp_path / "00000.png").exists()


def test_a_full_disk_leaves_nothing_behind_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunError, match="disk is full"):
        write_image(pictures(1)[0], tmp_path / "picture.png", RECORD)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"before")
    with pytest.raises(TypeError), new_file(path, force=True) as file:
        file.writelines([b"half", None])  # type: ignore[list-item]
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="is a file, not a folder"):
        write_image(pictures(1)[0], tmp_path / "file" / "picture.png", RECORD)
    with pytest.raises(UserError, match=r"Did you mean '\.png'"):
        write_image(pictures(1)[0], tmp_path / "picture.pgn", RECORD)
    with pytest.raises(UserError, match="no suffix"):
        write_image(pictures(1)[0], tmp_path / "picture", RECORD)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="no permission"):
        write_image(pictures(1)[0], tmp_path / "picture.png", RECORD)


def test_a_picture_without_a_record_has_no_provenance(tmp_path: Path) -> None:
    path = write_image(pictures(1)[0], tmp_path / "picture.png")
    assert inspect_file(path)["provenance"] is None


def test_the_source_type_of_other_programs_is_read_as_element_and_as_attribute() -> None:
    head = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    names = b'xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    source = COMPOSITE.encode()
    element = b"<rdf:Description %b><i:DigitalSourceType>%b</i:DigitalSourceType></rdf:Description>" % (names, source)
    attribute = b'<rdf:Description %b i:DigitalSourceType="%b"/>' % (names, source)
    for body in (element, attribute):
        found = from_xmp(head + body + b"</rdf:RDF></x:xmpmeta>")
        assert found is not None
        assert found["digital_source_type"] == COMPOSITE


def test_hostile_and_damaged_packets_are_refused_not_expanded() -> None:
    packet = to_xmp(RECORD)
    assert from_xmp(packet) == RECORD
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + packet.replace(b'"vae"', b"&a;").replace(b"&quot;vae&quot;", b"&a;")
    with pytest.raises(DataError, match="damaged"):
        from_xmp(bomb)
    with pytest.raises(DataError, match="damaged"):
        from_xmp(packet.replace(b"</rdf:RDF>", b""))
    assert from_xmp(b"no packet") is None


def test_weights_are_described_from_their_header_and_a_cut_file_is_named(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "weights.safetensors"
    safetensors.save_file(
        {"a": np.zeros((2, 3), np.float32), "b": np.zeros(4, np.int64)}, path, metadata={"model": "vae"}
    )
    found = inspect_file(path)
    assert found["metadata"] == {"model": "vae"}
    assert found["parameters"] == 10
    assert found["tensors"]["a"] == {"shape": [2, 3], "dtype": "F32"}
    whole = path.read_bytes()
    for size in (4, 30, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match="cut short"):
            inspect_file(path)
    path.write_bytes(whole[:8] + b"x" + whole[9:])
    with pytest.raises(DataError, match="damaged"):
        inspect_file(path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".gif", ".mp4", ".npz"])
def test_cut_and_misnamed_files_are_clear_errors(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".npz":
        write_npz({"images": pictures()}, whole, RECORD)
    elif suffix in (".gif", ".mp4"):
        if suffix == ".mp4":
            pytest.importorskip("av", reason="needs PyAV, of the extra `faces`")
        write_animation(pictures(), whole, RECORD)
    else:
        write_image(pictures(1, 3, 60, 60)[0], whole, RECORD)
    for name, data in {"cut": whole.read_bytes()[:-300], "text": b"this is a text, not a picture" * 20}.items():
        damaged = tmp_path / f"{name}{suffix}"
        damaged.write_bytes(data)
        with pytest.raises(DataError, match=name):
            inspect_file(damaged)
    with pytest.raises(UserError, match="no file"):
        inspect_file(tmp_path / f"missing{suffix}")
