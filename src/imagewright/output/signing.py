"""Sign a picture or a video that the package made, by C2PA (the extra `provenance`), with the user's own key."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imagewright.errors import DataError, UserError, one_line, short_reason
from imagewright.files import atomic_write
from imagewright.output.inspecting import inspect_file
from imagewright.output.provenance import Record
from imagewright.output.signatures import LABEL, SETTINGS, import_c2pa, is_signed
from imagewright.output.writing import check_suffix
from imagewright.regular_files import read_regular

TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".mp4": "video/mp4",
    ".m4v": "video/x-m4v",
    ".mov": "video/quicktime",
}
SOURCES = TYPES | {".avi": "video/avi", ".gif": "image/gif"}
PASSWORD = "IMAGEWRIGHT_KEY_PASSWORD"
LARGEST_PEM = 1 << 20  # bytes
CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
SHORTEST_RSA = 2048  # bits (C2PA Technical Specification, section 13.2)


@dataclass(frozen=True)
class SigningKey:
    """A certificate with its chain and its private key, checked to belong together.

    certificates: PEM, that of the signer first.
    key: PEM (PKCS #8) without a password; not shown.
    algorithm: C2PA's name, such as "es256".
    """

    certificates: bytes
    algorithm: str
    key: bytes = field(repr=False)


def read_signing_key(certificate: str | Path, key: str | Path, password: str | None = None) -> SigningKey:
    """Read a certificate and its private key. Call it before long work: it finds what is wrong with them.

    certificate: a PEM file, the signer's certificate first and those of its issuers after it.
    key: a PEM file.
    password: of the key, if it has one; by default from the environment variable `IMAGEWRIGHT_KEY_PASSWORD`.
    Raises `UserError` that says what is wrong.
    """
    import_c2pa()
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    for path in (certificate, key):
        if not os.path.lexists(path):
            raise UserError(f"There is no file {path}: expected the certificate and the key for signing, as PEM files.")
    try:
        chain = x509.load_pem_x509_certificates(read_regular(certificate, LARGEST_PEM))
    except ValueError:
        raise UserError(
            f"{certificate} holds no certificates: expected a PEM file (-----BEGIN CERTIFICATE-----), the signer's "
            "first, then those of its issuers."
        ) from None
    private = _load_key(key, password if password is not None else os.environ.get(PASSWORD))
    as_public = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*as_public) != chain[0].public_key().public_bytes(*as_public):
        raise UserError(
            f"The key {key} is not that of the first certificate in {certificate}: they must belong together."
        )
    _check_dates(chain[0], certificate)
    return SigningKey(
        certificates=b"".join(each.public_bytes(serialization.Encoding.PEM) for each in chain),
        algorithm=_algorithm(private, key),
        key=private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def sign(
    path: str | Path,
    certificate: str | Path,
    key: str | Path,
    *,
    password: str | None = None,
    made_from: str | Path | None = None,
) -> Path:
    """Sign a picture or a video that imagewright has written, by C2PA, so that others can verify who made it.

    The file is replaced as a whole, or stays as it was. `inspect` verifies the signature.

    path: .png, .jpg, .webp, .tif, .mp4 or .mov.
    certificate: a PEM file, the signer's certificate first and those of its issuers after it.
    key: a PEM file with the private key.
    password: of the key, if it has one; by default from the environment variable `IMAGEWRIGHT_KEY_PASSWORD`.
    made_from: the picture or video that the file was made from. What is signed in that one is kept.
    Raises `UserError` that says what is wrong with the certificate, the key or the file.
    """
    return sign_file(path, read_signing_key(certificate, key, password), made_from=made_from)


def needs_password(key: str | Path) -> bool:
    """Whether a private key has a password, and the environment holds none. Needs no other package."""
    return PASSWORD not in os.environ and os.path.isfile(key) and b"ENCRYPTED" in read_regular(key, LARGEST_PEM)


def can_be_source(path: str | Path) -> bool:
    """Whether a file can be named as what another one was made from: C2PA does not read every format."""
    return Path(path).suffix.lower() in SOURCES and Path(path).is_file()


def sign_file(path: str | Path, key: SigningKey, *, made_from: str | Path | None = None) -> Path:
    """Sign a file that has a provenance record, in its place. It is replaced as a whole or stays as it was.

    The signed statement holds the record, IPTC's digital source type, and what was done: "created", or "edited" if the
    file was made from another one. The statements of that one, and those that the file itself has, are kept inside.

    path: .png, .jpg, .webp, .tif, .mp4 or .mov.
    key: of the signer.
    made_from: the picture or video that the file was made from, such as the footage of a swap.
    Raises `UserError` for a file that cannot be signed or a certificate that C2PA does not admit.
    """
    path, suffix = Path(path), check_suffix(path, tuple(TYPES))
    record = inspect_file(path)["provenance"]
    if record is None or "verb" not in record:
        raise DataError(
            f"{path} has no record of imagewright: what would be signed is not known. Sign what a command has written."
        )
    if is_signed(path):  # what is signed in it stays in it
        made_from = path
    if made_from is not None and not can_be_source(made_from):
        raise UserError(f"{made_from} cannot be named as what a file was made from: expected {', '.join(SOURCES)}.")
    c2pa = import_c2pa()
    statement = json.dumps(_statement(path.name, record, is_edited=made_from is not None))
    try:
        with (
            c2pa.Context.from_dict(SETTINGS) as context,
            c2pa.Signer.from_info(c2pa.C2paSignerInfo(key.algorithm, key.certificates, key.key, None)) as signer,
            c2pa.Builder(statement, context=context) as builder,
            atomic_write(path) as temporary,
        ):
            if made_from is not None:
                _add_source(c2pa, builder, Path(made_from))
            with path.open("rb") as unsigned, temporary.open("r+b") as signed:
                builder.sign(signer, TYPES[suffix], unsigned, signed)
    except c2pa.C2paError as error:
        raise UserError(
            f"{path} was not signed: {short_reason(error)}. The certificate must be one for signing pictures: its key "
            "usage is digitalSignature, its extended key usage email protection, document or C2PA signing."
        ) from None
    return path


def _add_source(c2pa: Any, builder: Any, source: Path) -> None:
    builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
    with source.open("rb") as file:
        ingredient = json.dumps({"title": source.name, "relationship": "parentOf"})
        builder.add_ingredient(ingredient, SOURCES[source.suffix.lower()], file)


def _statement(name: str, record: Record, *, is_edited: bool) -> dict[str, Any]:
    """What is signed, as C2PA's library takes it."""
    software, _, version = str(record.get("software") or "imagewright").partition(" ")
    generator = {"name": software} | ({"version": version} if version else {})
    action = {
        "action": "c2pa.edited" if is_edited else "c2pa.created",
        "digitalSourceType": record.get("digital_source_type"),
        "description": one_line(record.get("verb"), 100),
        "softwareAgent": generator,
    }
    return {
        "claim_generator_info": [generator],
        "title": name,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [action]}},
            {"label": LABEL, "kind": "Json", "data": dict(record)},
        ],
    }


def _load_key(path: str | Path, password: str | None) -> Any:
    """The private key in a PEM file."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = read_regular(path, LARGEST_PEM)
    is_locked = b"ENCRYPTED" in content  # "-----BEGIN ENCRYPTED PRIVATE KEY-----", or a header in older files
    if is_locked and not password:
        raise UserError(
            f"The key {path} has a password: give it in the environment variable {PASSWORD}, or in Python as password=."
        )
    try:
        return load_pem_private_key(content, password.encode() if is_locked and password else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        fault = (
            f"The password is not that of the key {path}, or the key is damaged"
            if is_locked
            else (f"{path} holds no private key that can be read: expected a PEM file (-----BEGIN PRIVATE KEY-----)")
        )
        raise UserError(f"{fault}.") from None


def _check_dates(certificate: Any, path: str | Path) -> None:
    now, begins, ends = datetime.now(UTC), certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begins <= now <= ends:
        what = f"was valid until {ends:%Y-%m-%d}" if now > ends else f"is valid from {begins:%Y-%m-%d} on"
        raise UserError(f"The certificate in {path} {what}: signing needs one that is valid now.")


def _algorithm(key: Any, path: str | Path) -> str:
    """C2PA's name of the algorithm that a key signs with."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return CURVES[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= SHORTEST_RSA:
        return "ps256"
    raise UserError(
        f"The key {path} is of a kind that C2PA does not admit: expected ECDSA (P-256, P-384, P-521), Ed25519, or RSA "
        f"of {SHORTEST_RSA} bits or more."
    )
