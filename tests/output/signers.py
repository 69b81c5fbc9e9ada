"""Certificates for tests of signing: a root, and a signer's certificate of it, as C2PA demands them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


@dataclass(frozen=True)
class Signer:
    """The files of a certificate and its key."""

    certificate: Path
    key: Path


def make_signer(
    folder: Path,
    name: str = "signer",
    *,
    key: Any = None,
    password: bytes | None = None,
    days: float = 30,
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
) -> Signer:
    """A new certificate of a new root, valid since yesterday and for so many days from now."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    key = key or ec.generate_private_key(ec.SECP256R1())
    root_name, own_name = _name("Test root"), _name("Anna Signer")
    own = (
        _begin(own_name, root_name, key, 2, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(_usage("digital_signature"), True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False)
        .sign(root_key, hashes.SHA256())
    )
    root = (
        _begin(root_name, root_name, root_key, 1, 365)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), True)
        .sign(root_key, hashes.SHA256())
    )
    signer = Signer(folder / f"{name}.pem", folder / f"{name}.key")
    signer.certificate.write_bytes(b"".join(each.public_bytes(serialization.Encoding.PEM) for each in (own, root)))
    locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    signer.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
    return signer


def _name(common: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test Studio")
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*allowed: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in allowed for usage in USAGES})


def _begin(name: x509.Name, issuer: x509.Name, key: Any, number: int, days: float) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(number)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )
