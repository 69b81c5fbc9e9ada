"""Files that are fetched once, each checked: parts of named sets, and weights of networks.

A file is fetched into `<name>.part`, goes on where it stopped (HTTP Range), and gets its name only when its checksum
is right. Mirrors are tried in turn; the variable IMAGEWRIGHT_MIRROR replaces them by one base URL, under which each
file is expected as `<what it belongs to>/<file>`. Files put by hand where they belong are used as they are, if their
checksum is right. Two processes at once fetch a file once.
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
    """One file: its name, its bytes (None where they are not known), and the checksum that its authors publish.

    checksum: hex digits of the `algorithm` ("md5" or "sha256"), or the first of them where no more are published: a
    check of the way, and that weights are the ones that others computed with.
    """

    name: str
    size: int | None
    checksum: str
    algorithm: str = "md5"

    @property
    def said(self) -> str:
        """How a message describes it: `9,912,422 bytes, MD5 f68b3c2d...`, in full."""
        size = "" if self.size is None else f"{self.size:,} bytes, "
        return f"{size}{self.checksum_said}"

    @property
    def checksum_said(self) -> str:
        """The checksum with its algorithm's name; that it only begins so where it is not whole."""
        begins = len(self.checksum) < 2 * hashlib.new(self.algorithm, usedforsecurity=False).digest_size
        return f"{ALGORITHMS[self.algorithm]} {self.checksum}{'...' if begins else ''}"

    def is_whole(self, path: Path) -> bool:
        """Whether the file at `path` has this one's size and checksum."""
        if self.size is not None and path.stat().st_size != self.size:
            return False
        return digest_of(path, self.algorithm).startswith(self.checksum)


def digest_of(path: Path, algorithm: str = "sha256") -> str:
    """The checksum of a file's bytes, in hex."""
    with open(path, "rb") as stored:
        return hashlib.file_digest(stored, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def fetch(name: str, file: RemoteFile, mirrors: tuple[str, ...], folder: Path) -> Path:
    """The path of `file` in `folder`, fetched and checked if need be.

    `name`: what it belongs to, a set or "weights". `mirrors`: base URLs, to which the file's name is added. Raises
    `DataError` where it cannot be had, saying what to put where; and for a file there that is not the published one.
    """
    path = folder / file.name
    base = os.environ.get("IMAGEWRIGHT_MIRROR")
    urls = [f"{base.rstrip('/')}/{name}/{file.name}"] if base else [mirror + file.name for mirror in mirrors]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / f"{file.name}.lock"):
            if path.is_file():
                return checked(path, file)
            problems = [problem for url in urls if (problem := _fetch_from(url, file, path))]
    except OSError as error:
        raise DataError(
            f"{path} cannot be written ({error.strerror}): choose another folder by IMAGEWRIGHT_CACHE."
        ) from error
    if not path.is_file():
        raise DataError(
            f"{name} could not be fetched ({'; '.join(problems)}). Without a network, put {file.name} "
            f"({file.said}) into {folder}."
        )
    return path


def checked(path: Path, file: RemoteFile) -> Path:
    """`path`, if what is there is the published file. Raises `DataError` otherwise."""
    if not file.is_whole(path):
        algorithm = ALGORITHMS[file.algorithm]
        raise DataError(
            f"{path} is not the published {file.name} (its {algorithm} is not "
            f"{file.checksum_said.removeprefix(algorithm + ' ')}): remove it."
        )
    return path


def _fetch_from(url: str, file: RemoteFile, path: Path) -> str | None:
    """Fetch from one mirror, going on after breaks. Returns what went wrong, or None."""
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
    """Fetch what is not there yet. Returns the bytes that the whole file has: as known, else as the server says."""
    have = part.stat().st_size if part.exists() else 0
    if size is not None and have >= size:
        return size
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=SECONDS_OF_SILENCE)
    except urllib.error.HTTPError as error:
        if error.code == 416 and size is None:  # a part of a file of unknown size that has all of it
            return have
        raise
    # A server that does not know ranges sends all of it again, from the start.
    with answer, open(part, "ab" if answer.status == 206 else "wb") as stored:
        size = _size_said(answer, stored.tell()) if size is None else size
        while (size is None or stored.tell() < size) and (
            block := answer.read(BLOCK if size is None else min(BLOCK, size - stored.tell()))
        ):
            stored.write(block)
        stored.flush()
        os.fsync(stored.fileno())
    return size


def _size_said(answer: http.client.HTTPResponse, have: int) -> int | None:
    """The whole file's bytes, as an answer's headers tell them."""
    ranged = re.fullmatch(r"bytes \d+-\d+/(\d+)", answer.headers.get("Content-Range", ""))
    if ranged:
        return int(ranged[1])
    length = answer.headers.get("Content-Length", "")
    return have + int(length) if length.isdecimal() else None
