"""Download files of a repository: each is resumed where it was cut, bounded by its stated size, checked by its hash."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagewright.errors import one_line
from imagewright.files import explain_write_errors
from imagewright.hub.library import NETWORK_LIBRARIES, HubError, endpoint, hub_utilities
from imagewright.progress import Progress, ProgressCounter

SECONDS_OF_SILENCE = 30.0
TRIES = 3  # in a row that bring nothing new
BLOCK = 1 << 20
SPARE = 64 << 20  # bytes of the disk that are left free


@dataclass(frozen=True)
class StoredFile:
    """A file of a repository at a commit.

    path: in the repository.
    size: bytes.
    digest: hex digits; SHA-256 of the content if the file is a large one, else the SHA-1 of git's blob.
    is_large: whether it is stored beside the repository (LFS).
    """

    path: str
    size: int
    digest: str
    is_large: bool

    def is_whole(self, path: Path) -> bool:
        """Whether the file at `path` has this one's size and hash."""
        if path.stat().st_size != self.size:
            return False
        start = b"" if self.is_large else f"blob {self.size}\0".encode()
        checksum = hashlib.new("sha256" if self.is_large else "sha1", start, usedforsecurity=False)
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                checksum.update(block)
        return checksum.hexdigest() == self.digest


def download_all(
    repository: str, commit: str, files: list[StoredFile], folder: Path, progress: Progress | None = None
) -> None:
    """Download files into a folder, under their paths; those that are there, whole or in part, are gone on with.

    progress: called with (done, total) in bytes.
    Raises `HubError` if the disk has no room for them, and for a file that arrives with another size or hash.
    """
    counter = ProgressCounter(sum(file.size for file in files), progress)
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _check_room(files, folder)
        for file in files:
            target = folder / file.path
            if not (target.is_file() and file.is_whole(target)):
                target.parent.mkdir(parents=True, exist_ok=True)
                _download(repository, commit, file, target, counter)
            counter.advance(0)
            _count_to(counter, files, file)


def _count_to(counter: ProgressCounter, files: list[StoredFile], last: StoredFile) -> None:
    """Count everything up to a file as done."""
    done = sum(each.size for each in files[: files.index(last) + 1])
    counter.advance(done - counter.done)


def _check_room(files: list[StoredFile], folder: Path) -> None:
    missing = [file for file in files if not (folder / file.path).exists()]
    needed = sum(file.size - _size_of(part_of(folder / file.path, file)) for file in missing)
    free = shutil.disk_usage(folder).free
    if needed + SPARE > free:
        raise HubError(
            f"Cannot write {folder}: the files need {needed:,} bytes besides {SPARE:,} that are left free, and the "
            f"disk has {free:,}: free some space, or choose another place by --out."
        )


def part_of(path: Path, file: StoredFile) -> Path:
    """Where a file that is to be at `path` grows: another content of the same name grows elsewhere."""
    return path.with_name(f"{path.name}.{file.digest[:16]}.part")


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _download(repository: str, commit: str, file: StoredFile, target: Path, counter: ProgressCounter) -> None:
    part = part_of(target, file)
    if _size_of(part) > file.size:
        part.unlink()
    done_before = counter.done
    failed, reached = 0, _size_of(part)
    while _size_of(part) < file.size or not part.exists():
        stopped: Exception | None = None
        try:
            _go_on(repository, commit, file, part, lambda size: counter.advance(done_before + size - counter.done))
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in NETWORK_LIBRARIES or hasattr(error, "response"):
                raise
            stopped = error
        failed = 0 if _size_of(part) > reached else failed + 1
        reached = max(reached, _size_of(part))
        if failed >= TRIES and reached < file.size:
            raise stopped or HubError(
                f"{one_line(file.path, 120)} of {repository} ends after {reached:,} of the {file.size:,} bytes "
                f"that were stated, {TRIES} times in a row: pull again later."
            )
    if not file.is_whole(part):
        part.unlink()
        raise HubError(
            f"{one_line(file.path, 120)} of {repository} arrived with another hash than the hub states, and was thrown "
            "away: pull again."
        )
    part.replace(target)


def _go_on(repository: str, commit: str, file: StoredFile, part: Path, report: Callable[[int], None]) -> None:
    """Download what is missing of a file. The login goes to the hub alone, not to where it redirects to."""
    from huggingface_hub import get_session, hf_hub_url

    utils = hub_utilities()
    have = _size_of(part)
    url = hf_hub_url(repository, file.path, revision=commit, endpoint=endpoint())
    headers = utils.build_hf_headers(library_name="imagewright") | {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    asked: dict[str, Any] = {"headers": headers, "follow_redirects": True, "timeout": SECONDS_OF_SILENCE}
    with get_session().stream("GET", url, **asked) as response:
        utils.hf_raise_for_status(response)
        if response.status_code != 206:  # a server without ranges sends the whole file again
            have = 0
        with part.open("r+b" if have else "wb") as stored:
            stored.seek(have)
            for block in _blocks(response, file.size - have, file, repository):
                stored.write(block)
                stored.flush()  # what has arrived stays, however this ends
                report(stored.tell())


def _blocks(response: Any, most: int, file: StoredFile, repository: str) -> Iterator[bytes]:
    """The content as it arrives. Raises `HubError` as soon as it is more than was stated."""
    for block in response.iter_raw():
        most -= len(block)
        if most < 0:
            raise HubError(
                f"{one_line(file.path, 120)} of {repository} is larger than the {file.size:,} bytes that were stated."
            )
        yield block
