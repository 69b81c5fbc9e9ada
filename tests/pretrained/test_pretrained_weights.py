"""Weight files: put there by hand, cached or fetched, always checked; damaged and hostile files."""

from __future__ import annotations

import hashlib
import io
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from serving import Site, serving

from imagewright.downloads import RemoteFile, fetch
from imagewright.errors import DataError
from imagewright.pretrained.features.contract import open_network
from imagewright.pretrained.torchscript_archives import read_torchscript
from imagewright.pretrained.weights import check_state, get_weight_file, read_weights, weights_digest

CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FILE = RemoteFile("net.pth", len(CONTENT), SHA256, "sha256")


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as served:
        served.files["/net.pth"] = CONTENT
        yield served


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The folder of weights in a cache of this test."""
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path))
    monkeypatch.delenv("IMAGEWRIGHT_WEIGHTS", raising=False)
    monkeypatch.delenv("IMAGEWRIGHT_MIRROR", raising=False)
    return tmp_path / "weights"


def test_fetched_once_then_from_the_cache(site, folder) -> None:
    for _ in range(2):
        path = get_weight_file("net", FILE, (f"{site.url}/",))
        assert path == folder / "net.pth"
        assert path.read_bytes() == CONTENT
    assert len(site.requests) == 1


@pytest.mark.parametrize("size", [len(CONTENT), None], ids=["known size", "unknown size"])
@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_a_broken_download_is_continued(site, folder, size, ranges) -> None:
    site.break_after, site.ranges = 3000, ranges
    file = RemoteFile("net.pth", size, SHA256, "sha256")
    assert get_weight_file("net", file, (f"{site.url}/",)).read_bytes() == CONTENT
    assert site.requests == [("/net.pth", None), ("/net.pth", "bytes=3000-")]


def test_the_beginning_of_a_checksum_is_checked(site, folder) -> None:
    assert get_weight_file("net", RemoteFile("net.pth", None, SHA256[:8], "sha256"), (f"{site.url}/",)).is_file()
    (folder / "net.pth").unlink()
    with pytest.raises(DataError, match=r"another checksum.*put net\.pth \(SHA-256 00000000\.\.\.\)"):
        get_weight_file("net", RemoteFile("net.pth", None, "00000000", "sha256"), (f"{site.url}/",))
    assert not (folder / "net.pth").exists()


def test_a_file_put_by_hand_is_used_first_and_checked(site, folder, tmp_path, monkeypatch) -> None:
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("IMAGEWRIGHT_WEIGHTS", str(own))
    (own / "other-name.pth").write_bytes(CONTENT)
    assert get_weight_file("net", FILE, (f"{site.url}/",), also=("other-name.pth",)) == own / "other-name.pth"
    (own / "net.pth").write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(DataError, match=rf"own/net\.pth is not the published net\.pth \(its SHA-256 is not {SHA256}\)"):
        get_weight_file("net", FILE, (f"{site.url}/",))
    (own / "net.pth").unlink()
    folder.mkdir()
    (folder / "net.pth").write_bytes(b"cut short")
    with pytest.raises(DataError, match=r"weights/net\.pth is not the published"):
        get_weight_file("net", FILE, (f"{site.url}/",))
    assert not site.requests


def test_offline_the_error_says_which_file_goes_where(folder, monkeypatch) -> None:
    monkeypatch.setenv("IMAGEWRIGHT_MIRROR", "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(DataError) as raised:
        get_weight_file("net", FILE, ("http://absent.invalid/",))
    for part in ("The network 'net' needs its weights", "net.pth", "10,240 bytes", SHA256, str(folder), "_WEIGHTS"):
        assert part in str(raised.value)


@pytest.mark.parametrize(("network", "module"), [("inception", "inception_weights"), ("dinov2", "dinov2")])
def test_offline_the_error_says_which_features_need_no_file(network: str, module: str, folder, monkeypatch) -> None:
    monkeypatch.setattr(f"imagewright.pretrained.{module}.MIRRORS", ("http://127.0.0.1:9/",))
    with pytest.raises(DataError, match="The features `random` and `pixels` need no file"):
        open_network(network)


def test_the_users_mirror_has_a_folder_for_weights(site, folder, monkeypatch) -> None:
    monkeypatch.setenv("IMAGEWRIGHT_MIRROR", f"{site.url}/")
    site.files["/weights/net.pth"] = CONTENT
    assert get_weight_file("net", FILE, ("http://absent.invalid/",)).is_file()
    assert site.requests == [("/weights/net.pth", None)]


def test_two_processes_fetch_a_file_once(site, tmp_path) -> None:
    site.seconds = 0.5  # so that the second process starts while the first is fetching
    program = (
        "from pathlib import Path; from imagewright.downloads import RemoteFile, fetch; "
        f"fetch('weights', RemoteFile('net.pth', {len(CONTENT)}, '{SHA256}', 'sha256'), ('{site.url}/',), "
        f"Path({str(tmp_path)!r}))"
    )
    both = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert fetch("weights", FILE, (), tmp_path).read_bytes() == CONTENT
    assert len(site.requests) == 1


def test_a_digest_is_over_numbers_not_over_files(tmp_path) -> None:
    from safetensors.torch import save_file

    state = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.ones(4)}
    torch.save(state, tmp_path / "net.pth")
    save_file({"a": state["a"], "b": state["b"]}, tmp_path / "net.safetensors")
    digests = {weights_digest(read_weights(tmp_path / name)) for name in ("net.pth", "net.safetensors")}
    assert digests == {weights_digest(state)}
    state["b"][1, 2] += 1e-6
    assert weights_digest(state) not in digests
    assert weights_digest({"a": torch.zeros(2, 3)}) != weights_digest({"a": torch.zeros(3, 2)})


class Trap:
    """A careless unpickler would call this."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_nothing_in_a_weight_file_is_run(tmp_path) -> None:
    sprung = tmp_path / "sprung"
    torch.save({"weight": torch.zeros(2), "trap": Trap(sprung)}, tmp_path / "net.pth")
    with pytest.raises(DataError, match="is no state dict"):
        read_weights(tmp_path / "net.pth")
    with zipfile.ZipFile(tmp_path / "net.pt", "w") as archive:
        archive.writestr("net/data.pkl", pickle.dumps(Trap(sprung)))
    with pytest.raises(DataError, match="neither a tensor nor a container"):
        read_torchscript(tmp_path / "net.pt")
    assert not sprung.exists()


def test_damaged_weight_files(tmp_path) -> None:
    for name in ("net.pth", "net.safetensors"):
        (tmp_path / name).write_bytes(b"no weights")
        with pytest.raises(DataError, match="is no state dict"):
            read_weights(tmp_path / name)
    with pytest.raises(DataError, match="There is no weight file"):
        read_weights(tmp_path / "absent.pth")
    torch.save([torch.zeros(1)], tmp_path / "list.pth")
    with pytest.raises(DataError, match="is no state dict"):
        read_weights(tmp_path / "list.pth")
    (tmp_path / "net.pt").write_bytes(b"no archive")
    with pytest.raises(DataError, match="cannot be read as a TorchScript archive"):
        read_torchscript(tmp_path / "net.pt")
    state = io.BytesIO()
    torch.save({"weight": torch.zeros(1)}, state)
    (tmp_path / "state.pt").write_bytes(state.getvalue())
    assert read_torchscript(tmp_path / "state.pt") == {}


def test_other_names_and_shapes_are_refused() -> None:
    shapes = {"weight": (2, 3)}
    assert check_state({"weight": torch.zeros(2, 3).half()}, shapes, "a net")["weight"].dtype == torch.float32
    for state, problem in (
        ({}, "no tensor weight"),
        ({"weight": torch.zeros(3, 2)}, r"weight is \(3, 2\), expected \(2, 3\)"),
        ({"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}, "it has no tensor bias"),
    ):
        with pytest.raises(DataError, match=f"not those of a net: .*{problem}"):
            check_state(state, shapes, "a net")
