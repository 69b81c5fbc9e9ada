"""Results of a swap signed by C2PA, each with the footage that it was made from; or a note on what was signed there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from imagewright.errors import UserError
from imagewright.images import Images
from imagewright.output.inspecting import inspect_file
from imagewright.output.signatures import signature_notes
from imagewright.output.signing import TYPES, SigningKey, can_be_source, read_signing_key, sign_file

Sign = SigningKey | tuple[str | Path, str | Path]
"""A key that was read, or the files of the certificate and of its key."""


def open_key(sign: Sign | None, results: Sequence[Path]) -> SigningKey | None:
    """The key that results are signed with; None without one. Call it before long work.

    Raises `UserError` for a wrong certificate or key, or for a result of a format that C2PA does not sign.
    """
    if sign is None:
        return None
    for path in results:
        if path.suffix.lower() not in TYPES:
            raise UserError(
                f"{path} cannot be signed: C2PA signs {', '.join(TYPES)}. Give such a name by --out, or no --sign."
            )
    return sign if isinstance(sign, SigningKey) else read_signing_key(*sign)


def sign_results(key: SigningKey | None, results: Sequence[tuple[Path, Path | None]]) -> list[str]:
    """Sign what was written, or say what was signed of the footage and is no more. Returns sentences for the user.

    results: each file with the footage that it was made from, if that is a file. A picture without a swapped face has
        no record, and is not signed.
    """
    if key is None:
        return signature_notes(footage for _, footage in results if footage is not None)
    unnamed = []
    for path, footage in results:
        about = inspect_file(path)
        if about["provenance"] is None or "signature" in about:  # signed before the process was killed
            continue
        named = footage is not None and can_be_source(footage)
        sign_file(path, key, made_from=footage if named else None)
        if footage is not None and not named:
            unnamed.append(footage)
    if not unnamed:
        return []
    return [f"{unnamed[0]} is not in the signature as what was swapped: C2PA does not read its format."]


def originals(parts: Sequence[Images], sources: Sequence[Any]) -> Iterator[Path | None]:
    """The file of each picture, read or not, in their order; None for one that is no file of its own, as in a .zip.

    sources: what the parts were opened from, among others.
    """
    lists = [each for given in sources if isinstance(given, list | tuple) for each in given]
    files = [Path(each) for each in lists if isinstance(each, str | Path)]
    listed = {name: file for file in files for name in (file.name, str(file))}
    for part in parts:
        source = Path(part.source)
        for name in part.names():
            if source.is_dir():
                yield source / name
            else:
                yield source if source.is_file() and source.name == name else listed.get(name)
