"""Archives and arrays from elsewhere are bounded before they are unpacked, and fail with a sentence."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import imagewright as iw
from imagewright.archives import open_arrays, opened_zip, read_member
from imagewright.checkpoints.containers import state_dicts
from imagewright.checkpoints.reading import read_checkpoint
from imagewright.errors import DataError, RunError
from imagewright.images.sources.finding import find_source
from imagewright.json_files import parse_json
from imagewright.pretrained.torchscript_archives import read_torchscript
from imagewright.pretrained.weights import read_weights

SIZE = 2**21  # bytes of the bombs below, which are refused above half of it


@pytest.fixture
def small_bombs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagewright.archives.BOMB_BYTES", SIZE // 2)


def deflated(path: Path) -> Path:
    """The same zip file with all members deflated."""
    with zipfile.ZipFile(path) as plain:
        members = {name: plain.read(name) for name in plain.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return path


@pytest.mark.usefixtures("small_bombs")
def test_bombs_are_refused_by_what_they_declare(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((SIZE // 1024, 32, 32), np.uint8))
    idx = b"\0\0\x08\x03" + struct.pack(">3I", SIZE // 1024, 32, 32) + bytes(SIZE)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx))
    for name in ("a.npz", "train-images-idx3-ubyte.gz"):
        with pytest.raises(DataError, match=rf"{name} would unpack to 2,09\d,\d+ bytes, over 200 times"):
            iw.open_images(tmp_path / name)
    torch.save({"weight": torch.zeros(SIZE // 4)}, tmp_path / "a.pth")
    deflated(tmp_path / "a.pth")
    with pytest.raises(RunError, match=r"a\.pth would unpack to 2,09\d"):
        read_checkpoint(tmp_path / "a.pth")
    for read in (read_weights, read_torchscript):
        with pytest.raises(DataError, match=r"a\.pth would unpack to 2,09\d"):
            read(tmp_path / "a.pth")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as shard:
        for number in range(4):
            member = tarfile.TarInfo(f"{number}.bin")
            member.size = SIZE
            shard.addfile(member, io.BytesIO(bytes(SIZE)))
    (tmp_path / "a.tar.gz").write_bytes(content.getvalue())
    with pytest.raises(DataError, match=r"a\.tar\.gz would unpack to"):
        find_source(tmp_path / "a.tar.gz", None)


def test_a_member_that_declares_little_is_not_unpacked_whole(tmp_path: Path) -> None:
    path = tmp_path / "lies.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(SIZE))
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", SIZE), struct.pack("<I", 16)))
    with opened_zip(path) as archive, pytest.raises(ValueError, match="has 16 bytes instead of 24"):
        read_member(archive, "a", 24)
    with opened_zip(path) as archive, pytest.raises((ValueError, zipfile.BadZipFile)):
        read_member(archive, "a", 16)


def test_a_table_of_a_zip_without_bounds_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagewright.archives.LARGEST_DIRECTORY", 2**10)
    with zipfile.ZipFile(tmp_path / "many.npz", "w") as archive:
        for number in range(100):
            archive.writestr(f"{number}.npy", b"")
    with pytest.raises(DataError, match=r"many\.npz has a table of [\d,]+ bytes; more than 1,024"):
        find_source(tmp_path / "many.npz", None)


def with_another_end(content: bytes, size: int) -> list[bytes]:
    """Zip files whose directory zipfile takes for `size` bytes: by a 64-bit record, and by a record in the comment."""
    at = content.rindex(b"PK\x05\x06")
    count, own_size, offset = struct.unpack("<H2I", content[at + 10 : at + 20])
    offset += own_size - size
    wide = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, at, 1)
    inner = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, size, offset, 9)
    commented = content[at:-2] + struct.pack("<H", len(inner)) + inner
    return [content[:at] + wide + locator + content[at:], content[:at] + commented]


def test_the_table_that_zipfile_reads_is_the_one_that_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagewright.archives.LARGEST_DIRECTORY", 2**10)
    path = tmp_path / "a.npz"
    np.savez(path, images=np.zeros((90, 8, 8), np.uint8))
    for content in with_another_end(path.read_bytes(), 2**12):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"has a table of 4,096 bytes|no directory at its end"):
            find_source(path, None)


def test_what_is_wrong_with_an_npz_is_one_sentence(tmp_path: Path) -> None:
    images = np.zeros((4, 8, 8, 3), np.uint8)
    np.save(tmp_path / "single.npy", images)
    (tmp_path / "single.npy").rename(tmp_path / "single.npz")
    np.savez_compressed(
        tmp_path / "damaged.npz", images=np.random.default_rng(0).integers(0, 9, images.shape, np.uint8)
    )
    content = bytearray((tmp_path / "damaged.npz").read_bytes())
    content[90:140] = bytes(50)
    (tmp_path / "damaged.npz").write_bytes(content)
    headers = {
        "absurd": b"{'descr': '|u1', 'fortran_order': False, 'shape': (1099511627776, 9, 9), }",
        "negative": b"{'descr': '|u1', 'fortran_order': False, 'shape': (-4, 9, 9), }",
        "nested": b"(" * 3000,
        "digits": b"{'descr': '|u1', 'fortran_order': False, 'shape': (" + b"9" * 5000 + b",), }",
        "objects": b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "empty": b"",
    }
    for name, header in headers.items():
        with zipfile.ZipFile(tmp_path / f"{name}.npz", "w") as archive:
            archive.writestr("images.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header)
    with zipfile.ZipFile(tmp_path / "secret.npz", "w") as archive, archive.open("images.npy", "w") as file:
        np.save(file, images)
    secret = bytearray((tmp_path / "secret.npz").read_bytes())
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        secret[secret.index(mark) + place] |= 1
    (tmp_path / "secret.npz").write_bytes(secret)
    for path in sorted(tmp_path.glob("*.npz")):
        for read in (lambda path: find_source(path, None), read_checkpoint):
            with pytest.raises((DataError, RunError), match=rf"^[^\n]*{path.name}[^\n]*$"):
                read(path)
    with pytest.raises(DataError, match=r"single\.npz is a single array"):
        find_source(tmp_path / "single.npz", None)
    with pytest.raises(DataError, match=r"absurd\.npz is damaged: images declares \(1099511627776, 9, 9\)"):
        find_source(tmp_path / "absurd.npz", None)


def test_arrays_of_either_byte_order_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "big.npz", a=np.arange(5, dtype=">f4"), b=np.float64(3), c=np.zeros((0, 2), np.int32))
    held = read_checkpoint(tmp_path / "big.npz")
    assert held["a"].tolist() == [0, 1, 2, 3, 4]
    assert held["b"].shape == ()
    with open_arrays(tmp_path / "big.npz") as arrays:
        assert arrays.headers["c"].shape == (0, 2)
        assert arrays.read("c").shape == (0, 2)


# Pickles that are small and unfold


def shared_pickle(levels: int, module: bytes, leaf: bytes) -> bytes:
    """A pickle of modules, each of which holds the one below twice."""
    found = leaf + b"q\0"
    for level in range(levels):
        held = b"h" + bytes([level])
        found += module + b")\x81}(X\1\0\0\0a" + held + b"X\1\0\0\0b" + held + b"ubq" + bytes([level + 1])
    return b"\x80\2" + found + b"."


def test_modules_that_are_shared_without_end_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "shared.pt", "w") as archive:
        archive.writestr("net/data.pkl", shared_pickle(40, b"c__torch__\nNet\n", b"c__torch__\nNet\n)\x81}b"))
    with pytest.raises(DataError, match=r"shared\.pt.*shared too often"):
        read_torchscript(tmp_path / "shared.pt")


def test_a_large_dictionary_that_is_shared_is_not_walked_through_each_time(tmp_path: Path) -> None:
    entries = b"".join(b"X\5\0\0\0%05dK\1" % number for number in range(5000))
    references = b"h\0" * 50_000
    (tmp_path / "shared.pkl").write_bytes(b"\x80\2}q\0(" + entries + b"u](" + references + b"e.")
    with pytest.raises(RunError, match="refers to itself too often"):
        state_dicts(read_checkpoint(tmp_path / "shared.pkl"))


def test_places_keys_and_shapes_of_a_pickle_are_bounded(tmp_path: Path) -> None:
    key = (2**61 - 1) * 3
    number = b"\x8a\x09" + key.to_bytes(9, "little")
    shape = b"(X\3\0\0\0abcJ" + struct.pack("<i", 10**9) + b"t"
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\1b\x87R(K\1" + shape
        + b"cnumpy\ndtype\nX\2\0\0\0f4K\0K\1\x87R\x89C\0tb."
    )  # fmt: skip
    for name, content, reason in (
        ("keys", b"\x80\2}" + number + b"K\1s.", "18 digits"),
        ("shape", b"\x80\2" + array, "no list of numbers"),
    ):
        (tmp_path / f"{name}.pkl").write_bytes(content)
        with pytest.raises(RunError, match=rf"{name}\.pkl.*{reason}"):
            read_checkpoint(tmp_path / f"{name}.pkl")
    with zipfile.ZipFile(tmp_path / "place.pt", "w") as archive:
        archive.writestr("net/data.pkl", b"\x80\2c__torch__\nNet\n)\x81r\xff\xff\xff\x7f}b.")
    assert read_torchscript(tmp_path / "place.pt") == {}


# JSON


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "nested"),
        ("[" * 500 + "]" * 500, "nested too deeply"),
        ('{"a":' * 65 + "1" + "}" * 65, "nested too deeply"),
        ("9" * 5000, "5000 digits"),
        (b"\xff\xfe\x00", "UTF-8"),
        ("{'a': 1}\n\n{", "line 1"),
    ],
)
def test_json_fails_with_one_line(text: str | bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as failure:
        parse_json(text)
    assert "\n" not in str(failure.value)
    assert parse_json("[" * 60 + "]" * 60)
