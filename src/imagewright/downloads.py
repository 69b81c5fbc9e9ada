"""Downloads, each checked and made once: parts of named sets, and weights of networks.

A file is downloaded to `<name>.part`, resumed after a break (HTTP Range), and renamed once its checksum is right.
Mirrors are tried in turn; the variable IMAGEWRIGHT_MIRROR replaces them by one base URL with the files
`<set or "weights">/<file>`. A file that the user put into the folder is used if its checksum is right. If two processes
need a file at once, one downloads it and the other waits.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from imagewright.errors import DataError
from imagewright.files import locked

SECONDS_OF_SILENCE = 30
TRIES = 3
BLOCK = 2**20
ALGORITHMS = {"md5": "MD5", "sha256": "SHA-256"}


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    Attributes:
        name: of the file.
        size: bytes, or None if unknown.
        checksum: hex digits, as its authors publish it; only the first digits if they publish no more.
        algorithm: "md5" or "sha256".
    """

    name: str
    size: int | None
    checksum: str
    algorithm: str = "md5"

    @property
    def description(self) -> str:
        """The size and the checksum, for messages: `9,912,422 bytes, MD5 f68b3c2dcbeaaa9fbdd348bbdeb94873`."""
        size = "" if self.size is None else f"{self.size:,} bytes, "
        return f"{size}{self.checksum_description}"

    @property
    def checksum_description(self) -> str:
        """The checksum after the name of its algorithm, followed by "..." if only its first digits are known."""
        begins = len(self.checksum) < 2 * hashlib.new(self.algorithm, usedforsecurity=False).digest_size
        return f"{ALGORITHMS[self.algorithm]} {self.checksum}{'...' if begins else ''}"

    def is_whole(self, path: Path) -> bool:
        """Whether the file at `path` has this one's size and checksum."""
        if self.size is not None and path.stat().st_size != self.size:
            return False
        return file_checksum(path, self.algorithm).startswith(self.checksum)


def file_checksum(path: Path, algorithm: str = "sha256") -> str:
    """The checksum of a file's bytes, in hex digits."""
    with open(path, "rb") as stored:
        return hashlib.file_digest(stored, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def fetch(name: str, file: RemoteFile, mirrors: tuple[str, ...], folder: Path, *, by_hand: Path | None = None) -> Path:
    """The path of `file` in `folder`, downloaded and checked if need be.

    name: the set that it belongs to, or "weights".
    mirrors: base URLs, to which the file's name is added.
    by_hand: the folder that users may put the file into, if it is another one.
    Raises `DataError` that says which file to put where if no mirror has it, and for an existing file that is not the
    published one.
    """
    path = folder / file.name
    base = os.environ.get("IMAGEWRIGHT_MIRROR")
    urls = [f"{base.rstrip('/')}/{name}/{file.name}"] if base else [mirror + file.name for mirror in mirrors]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / f"{file.name}.lock"):
            if path.is_file():
                return check_file(path, file)
            problems = [problem for url in urls if (problem := _fetch_from(url, file, path))]
    except OSError as error:
        raise DataError(
            f"{path} cannot be written ({error.strerror}): choose another folder by IMAGEWRIGHT_CACHE."
        ) from error
    if not path.is_file():
        raise DataError(
            f"{name} could not be fetched ({'; '.join(problems)}). Without a network, put {file.name} "
            f"({file.description}) into {by_hand or folder}."
        )
    return path


def check_file(path: Path, file: RemoteFile) -> Path:
    """`path`, if it is the published file. Raises `DataError` otherwise."""
    if not file.is_whole(path):
        algorithm = ALGORITHMS[file.algorithm]
        raise DataError(
            f"{path} is not the published {file.name} (its {algorithm} is not "
            f"{file.checksum_description.removeprefix(algorithm + ' ')}): remove it."
        )
    return path


def _fetch_from(url: str, file: RemoteFile, path: Path) -> str | None:
    """Download from one mirror, resuming after breaks. Returns the problem, or None."""
    if path.is_file():
        return None
    host = urllib.parse.urlsplit(url)
    if host.scheme not in {"http", "https"}:
        return f"{url} is no http or https address"
    part = path.with_name(path.name + ".part")
    problem = ""
    for _ in range(TRIES):
        try:
            size = _continue(url, part, file.size)
        except urllib.error.HTTPError as error:
            return f"{host.netloc} answers {error.code} {error.reason}"
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            problem = f"{host.netloc}: {getattr(error, 'reason', None) or error or type(error).__name__}"
            continue
        if size is not None and part.stat().st_size < size:
            problem = f"{host.netloc} broke off after {part.stat().st_size:,} of {size:,} bytes"
            continue
        if file.is_whole(part):
            os.replace(part, path)
            return None
        part.unlink()
        return f"{host.netloc} sends a file with another checksum"
    return problem


def _continue(url: str, part: Path, size: int | None) -> int | None:
    """Download the missing rest. Returns the size of the whole file: `size`, else the one in the server's headers."""
    have = part.stat().st_size if part.exists() else 0
    if size is not None and have >= size:
        return size
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=SECONDS_OF_SILENCE)
    except urllib.error.HTTPError as error:
        if error.code == 416 and size is None:  # the part of a file of unknown size is whole
            return have
        raise
    # A server without ranges sends the whole file again.
    with response, open(part, "ab" if response.status == 206 else "wb") as stored:
        size = _size_from_headers(response, stored.tell()) if size is None else size
        while (size is None or stored.tell() < size) and (
            block := response.read(BLOCK if size is None else min(BLOCK, size - stored.tell()))
        ):
            stored.write(block)
        stored.flush()
        os.fsync(stored.fileno())
    return size


def _size_from_headers(response: http.client.HTTPResponse, have: int) -> int | None:
    """The size of the whole file by the headers of a response, or None."""
    ranged = re.fullmatch(r"bytes \d+-\d+/(\d+)", response.headers.get("Content-Range", ""))
    if ranged:
        return int(ranged[1])
    length = response.headers.get("Content-Length", "")
    return have + int(length) if length.isdecimal() else None
