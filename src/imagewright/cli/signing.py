"""`--sign CERT KEY`, beside `--out` of commands whose results are signed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from imagewright.output.signing import SigningKey

Sign = Annotated[
    tuple[Path, Path] | None,
    Parameter(
        help="sign the result by C2PA: the PEM files of the certificate and of its key", metavar="CERT KEY", negative=""
    ),
]


def open_signing_key(sign: tuple[Path, Path] | None) -> SigningKey | None:
    """The key of `--sign`, or None without it. Asks for a password on a terminal. Call it before long work."""
    if sign is None:
        return None
    from imagewright.cli.questions import ask_key_password
    from imagewright.output.signing import read_signing_key

    certificate, key = sign
    return read_signing_key(certificate, key, ask_key_password(key))
