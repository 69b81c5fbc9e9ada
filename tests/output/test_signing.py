"""Signing by C2PA: what is stated, that a change is found, that earlier statements stay, and what is refused."""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import imagewright as iw
from imagewright.cli import main
from imagewright.errors import UserError
from imagewright.output.inspecting import inspect_file
from imagewright.output.provenance import COMPOSITE, make_record
from imagewright.output.signatures import is_signed, signature_notes
from imagewright.output.writing import write_animation, write_image

pytest.importorskip("c2pa", reason="needs c2pa-python, of the extra `provenance`")
pytest.importorskip("cryptography", reason="needs cryptography, of the extra `provenance`")

from signers import Signer, make_signer

SUFFIXES = (".png", ".jpg", ".webp", ".tif", ".mp4")
CONSENT = {"who": "Ann", "given_by": "Ann", "when": "2026-01-20"}
RECORD = make_record(
    "swap", model="swap", run="runs/swap", settings={"mark": None}, source_type=COMPOSITE, consent=[CONSENT]
)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return make_signer(tmp_path_factory.mktemp("keys"))


def write(path: Path, seed: int = 0, record: Any = RECORD) -> Path:
    if path.suffix == ".mp4":
        pytest.importorskip("av", reason="needs PyAV, of the extra `faces`")
    frames = np.random.default_rng(seed).integers(0, 256, (3, 3, 32, 48), np.uint8)
    return write_animation(frames, path, record) if path.suffix == ".mp4" else write_image(frames[0], path, record)


def change(path: Path, before: bytes, after: bytes) -> None:
    """Replace the last of some bytes; in a PNG, which has checksums, add a chunk of text at its end instead."""
    content = path.read_bytes()
    place = content.rindex(before)
    if path.suffix == ".png":
        chunk = b"tEXt" + b"Comment\0changed"
        text = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        path.write_bytes(content[:-12] + text + content[-12:])
    else:
        path.write_bytes(content[:place] + after + content[place + len(before) :])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_signature_holds_until_a_byte_is_changed(tmp_path: Path, suffix: str, signer: Signer) -> None:
    path = write(tmp_path / f"swapped{suffix}")
    assert not is_signed(path)
    assert "signature" not in inspect_file(path)
    assert iw.sign(path, signer.certificate, signer.key) == path
    found = iw.inspect(path)
    assert found["provenance"] == RECORD
    signature = found["signature"]
    assert (signature["valid"], signature["problems"]) == (True, [])
    assert signature["signer"] == "Anna Signer, Test Studio"
    assert signature["actions"] == ["created (swap)"]
    assert signature["digital_source_type"] == COMPOSITE
    assert signature["software"].startswith("imagewright")
    assert list(tmp_path.iterdir()) == [path]
    change(path, b'"verb": "swap"', b'"verb": "swat"')
    changed = iw.inspect(path)["signature"]
    assert (changed["valid"], changed["problems"]) == (False, ["the file was changed after it was signed"])


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_pixels_stay_as_they_were(tmp_path: Path, suffix: str, signer: Signer) -> None:
    path = write(tmp_path / f"swapped{suffix}")
    before = np.asarray(Image.open(path))
    iw.sign(path, signer.certificate, signer.key)
    assert np.array_equal(np.asarray(Image.open(path)), before)


def test_a_signed_video_plays(tmp_path: Path, signer: Signer) -> None:
    av = pytest.importorskip("av", reason="needs PyAV, of the extra `faces`")

    def frames() -> list[np.ndarray]:
        with av.open(str(path)) as container:
            return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]

    path = write(tmp_path / "swapped.mp4")
    before = frames()
    iw.sign(path, signer.certificate, signer.key)
    assert np.array_equal(frames(), before)


def test_what_is_signed_in_the_footage_is_kept(tmp_path: Path, signer: Signer) -> None:
    footage, swapped = write(tmp_path / "footage.jpg", 1), write(tmp_path / "swapped.png")
    iw.sign(footage, signer.certificate, signer.key)
    iw.sign(swapped, signer.certificate, signer.key, made_from=footage)
    signature = iw.inspect(swapped)["signature"]
    assert signature["valid"]
    assert signature["actions"] == ["opened", "edited (swap)"]
    assert signature["made_from"] == ["footage.jpg (signed)"]
    iw.sign(swapped, signer.certificate, signer.key)  # again: the first signature is not stripped
    assert iw.inspect(swapped)["signature"]["made_from"] == ["swapped.png (signed)"]


def test_footage_that_is_not_signed_is_named(tmp_path: Path, signer: Signer) -> None:
    footage, swapped = write(tmp_path / "footage.png", 1, None), write(tmp_path / "swapped.jpg")
    iw.sign(swapped, signer.certificate, signer.key, made_from=footage)
    assert iw.inspect(swapped)["signature"]["made_from"] == ["footage.png"]


def test_who_makes_a_file_of_a_signed_one_is_told(tmp_path: Path, signer: Signer) -> None:
    footage = write(tmp_path / "footage.png")
    assert signature_notes([footage]) == []
    iw.sign(footage, signer.certificate, signer.key)
    (note,) = signature_notes([tmp_path / "missing.png", tmp_path, footage])
    assert f"{footage} is signed (C2PA) of Anna Signer, Test Studio. " in note
    assert f"--made-from {footage}" in note
    assert "and 1 other too" in signature_notes([footage, footage])[0]


@pytest.mark.parametrize("of", [b"claim_generator_info", b"imagewright.record"])
def test_a_damaged_statement_is_no_crash(tmp_path: Path, signer: Signer, of: bytes) -> None:
    path = write(tmp_path / "swapped.jpg")
    iw.sign(path, signer.certificate, signer.key)
    change(path, of, of[:-1] + b"X")
    signature = iw.inspect(path)["signature"]
    assert signature["valid"] is False
    assert signature["problems"]


def test_without_the_package_a_signature_is_seen_and_not_verified(
    tmp_path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "swapped.png")
    iw.sign(path, signer.certificate, signer.key)
    monkeypatch.setitem(sys.modules, "c2pa", None)
    signature = iw.inspect(path)["signature"]
    assert signature["valid"] is None
    assert "imagewright[provenance]" in signature["problems"][0]
    with pytest.raises(UserError, match=r"imagewright\[provenance\]"):
        iw.sign(path, signer.certificate, signer.key)


# Keys and certificates


def test_keys_of_other_kinds(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

    kinds = (
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    )
    for place, key in enumerate(kinds):
        made = make_signer(tmp_path, str(place), key=key)
        path = write(tmp_path / f"{place}.png")
        iw.sign(path, made.certificate, made.key)
        assert iw.inspect(path)["signature"]["valid"]
    for key in (dsa.generate_private_key(1024), ec.generate_private_key(ec.SECP256K1())):
        made = make_signer(tmp_path, "other", key=key)
        with pytest.raises(UserError, match="of a kind that C2PA does not admit"):
            iw.sign(path, made.certificate, made.key)


def test_a_key_with_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, path = make_signer(tmp_path, password=b"open sesame"), write(tmp_path / "swapped.png")
    with pytest.raises(UserError, match=r"has a password.*IMAGEWRIGHT_KEY_PASSWORD"):
        iw.sign(path, made.certificate, made.key)
    with pytest.raises(UserError, match="The password is not that of the key"):
        iw.sign(path, made.certificate, made.key, password="wrong")
    monkeypatch.setenv("IMAGEWRIGHT_KEY_PASSWORD", "open sesame")
    iw.sign(path, made.certificate, made.key)
    assert iw.inspect(path)["signature"]["valid"]


def test_wrong_keys_and_certificates_are_refused_and_the_file_stays(tmp_path: Path, signer: Signer) -> None:
    from cryptography.x509.oid import ExtendedKeyUsageOID

    path = write(tmp_path / "swapped.png")
    before = path.read_bytes()
    other, old = make_signer(tmp_path, "other"), make_signer(tmp_path, "old", days=-0.5)
    server = make_signer(tmp_path, "server", purpose=ExtendedKeyUsageOID.SERVER_AUTH)
    (tmp_path / "text.pem").write_text("no certificate\n")
    for certificate, key, message in (
        (signer.certificate, other.key, "is not that of the first certificate"),
        (signer.certificate, tmp_path / "text.pem", "no private key that can be read"),
        (tmp_path / "text.pem", signer.key, "holds no certificates"),
        (signer.key, signer.certificate, "holds no certificates"),
        (tmp_path / "missing.pem", signer.key, "no file .*missing.pem"),
        (old.certificate, old.key, "was valid until"),
        (server.certificate, server.key, "extended key usage"),
    ):
        with pytest.raises(UserError, match=message):
            iw.sign(path, certificate, key)
    assert path.read_bytes() == before


def test_only_what_the_package_made_is_signed(tmp_path: Path, signer: Signer) -> None:
    path = write(tmp_path / "photo.png", record=None)
    with pytest.raises(UserError, match="no record of imagewright"):
        iw.sign(path, signer.certificate, signer.key)
    with pytest.raises(UserError, match=r"Known: .png"):
        iw.sign(tmp_path / "notes.txt", signer.certificate, signer.key)


def test_the_command(tmp_path: Path, signer: Signer, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = write(tmp_path / "one.png"), write(tmp_path / "other.jpg", 1)
    keys = ["--certificate", str(signer.certificate), "--key", str(signer.key)]
    assert main(["sign", str(one), str(other), *keys]) == 0
    assert capsys.readouterr().out.split() == [str(one), str(other)]
    assert main(["inspect", str(one)]) == 0
    printed = capsys.readouterr().out
    assert "Anna Signer, Test Studio" in printed
    assert main(["sign", str(one), "--certificate", str(signer.key), "--key", str(signer.key)]) == 2
    assert "Traceback" not in capsys.readouterr().err
