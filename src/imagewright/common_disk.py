"""Whether the hosts of a training have a disk in common, and what is done where they have none.

All ranks must call these functions in the same order, within `distributed.process_group`.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO

from imagewright import distributed
from imagewright.agreement import share, together
from imagewright.errors import UserError

CHUNK_BYTES = 2**26  # of a file in one message


def is_first_on_host() -> bool:
    """Whether this rank is the one of its machine that does what is done once on each."""
    return distributed.local_rank() == 0


def sees_files_of_main(folder: Path) -> bool:
    """Whether this rank finds in a folder what the main rank writes there: whether they have a common disk.

    folder: by the same name on each machine.
    """
    if distributed.world_size() == 1:
        return True
    mark = folder / f".imagewright-{share(secrets.token_hex(8))}"
    try:
        if distributed.is_main():
            with suppress(OSError):  # a folder that cannot be written is found to be apart, which is always safe
                mark.touch()
        distributed.gather_objects(None)  # wait for all
        found = mark.exists()
        distributed.gather_objects(None)
    finally:
        if distributed.is_main():
            with suppress(OSError):
                mark.unlink(missing_ok=True)
    return found or distributed.is_main()


def once_on_each_disk(work: Callable[[], None], folder: Path | None) -> None:
    """Do `work`, which makes files in a folder, on the main rank, and once on each host that does not see them.

    The hosts work at the same time. If it fails on one, all raise.
    folder: None if no files are made: then the main rank alone works.
    """
    if folder is not None and distributed.world_size() > 1 and distributed.is_main():
        with suppress(OSError):  # `work` says it better
            folder.mkdir(parents=True, exist_ok=True)
    apart = folder is not None and not sees_files_of_main(folder)
    together(lambda: work() if distributed.is_main() or (apart and is_first_on_host()) else None)


def lend(folder: Path, names: Callable[[], Sequence[str]], stack: ExitStack) -> Path:
    """A folder in which this rank finds the main rank's files: `folder`, or on a host apart a copy in a temporary one.

    names: called on the main rank; the files in `folder` that are needed, relative to it.
    stack: removes the copies at its end.

    Raises `UserError` on all ranks if a copy cannot be written.
    """
    if distributed.world_size() == 1:
        return folder
    apart = not sees_files_of_main(folder)
    if not any(distributed.gather_objects(apart)):
        return folder
    sizes: list[tuple[str, int]] = share(
        together(lambda: [(name, (folder / name).stat().st_size) for name in names()] if distributed.is_main() else [])
    )
    place = Path(tempfile.gettempdir()) / f"imagewright-{share(secrets.token_hex(8))}-{distributed.node()}"
    writes = apart and is_first_on_host()

    def make_place() -> None:
        if writes:
            place.mkdir(mode=0o700)
            stack.callback(shutil.rmtree, place, ignore_errors=True)

    together(make_place)
    failures: list[OSError] = []
    for name, size in sizes:
        with ExitStack() as opened:
            source = opened.enter_context((folder / name).open("rb")) if distributed.is_main() else None
            target = None
            if writes and not failures:
                try:
                    (place / name).parent.mkdir(parents=True, exist_ok=True)
                    target = opened.enter_context((place / name).open("wb"))
                except OSError as error:
                    failures.append(error)
            _send(source, target, size, failures)

    def say_failure() -> None:
        if failures:
            raise UserError(
                f"{place} cannot hold a copy of {folder} ({failures[0].strerror}): make room, or set TMPDIR."
            )

    together(say_failure)
    return place if apart else folder


def _send(source: BinaryIO | None, target: BinaryIO | None, size: int, failures: list[OSError]) -> None:
    """Send a file from the main rank to all. A rank that cannot write it receives it nevertheless, as all must.

    source: on the main rank.
    target: on a rank that writes a copy.
    failures: an error of writing is added.
    """
    import torch

    for start in range(0, size, CHUNK_BYTES):
        content = bytearray(min(CHUNK_BYTES, size - start))
        if source is not None:
            source.readinto(content)  # type: ignore[attr-defined]
        part = torch.frombuffer(content, dtype=torch.uint8)
        with distributed.patient_group() as (dist, group):
            dist.broadcast(part, 0, group=group)
        if target is not None and not failures:
            try:
                target.write(content)
                target.flush()  # a full disk is found out here, and not when the file is closed
            except OSError as error:
                failures.append(error)
