"""`imagewright sign`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def sign(
    file: Annotated[Path, Parameter(help="a .png, .jpg, .webp, .tif, .mp4 or .mov that imagewright has written")],
    /,
    *files: Annotated[Path, Parameter(help="more of them")],
    certificate: Annotated[Path, Parameter(help="a PEM file: the signer's certificate, then those of its issuers")],
    key: Annotated[Path, Parameter(help="a PEM file: the private key")],
    made_from: Annotated[
        Path | None,
        Parameter(help="the picture or video that it was made from: what is signed in that one is kept", negative=""),
    ] = None,
) -> None:
    """Sign pictures and videos by C2PA, so that others can verify who made them, and that nothing was changed since."""
    from imagewright.cli.signing import open_signing_key
    from imagewright.output.signing import sign_file

    checked = open_signing_key((certificate, key))
    assert checked is not None
    for each in (file, *files):
        print(sign_file(each, checked, made_from=made_from))
