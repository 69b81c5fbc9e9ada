"""What the ranks tell one another beside tensors: values, failures, whether they share a disk, files.

All ranks must call these functions in the same order, within `distributed.process_group`. They wait for one another
without a limit, since one may list a million files meanwhile.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

from imagewright import distributed
from imagewright.errors import LONGEST_MESSAGE, ConfigError, UserError, one_line

Result = TypeVar("Result")
CHUNK_BYTES = 2**26
MOST_TOLD = 3  # differences in one message


def share(value: Any) -> Any:
    """The main rank's value, on all ranks; those of other ranks do not count."""
    return distributed.gather_objects(value if distributed.is_main() else None)[0]


def together(work: Callable[[], Result]) -> Result:
    """Do `work` on every rank at once. If it fails on one, all raise, and the others say where it failed and of what.

    work: must exchange nothing with other ranks.
    """
    if distributed.world_size() == 1:
        return work()
    failure: Exception | None = None
    try:
        result = work()
    except Exception as error:  # noqa: BLE001 (raised below, after the others know)
        failure = error
    told = distributed.gather_objects(None if failure is None else one_line(failure, LONGEST_MESSAGE))
    if failure is not None:
        raise failure
    for rank, text in enumerate(told):
        if text is not None:
            raise UserError(f"On {describe_rank(rank)}: {text}")
    return result


def first_on_main(work: Callable[[], None]) -> None:
    """Do `work` on the main rank while the others wait, however long. If it fails, all raise."""
    together(lambda: work() if distributed.is_main() else None)


def describe_rank(rank: int) -> str:
    """A rank in a message: "host-b (rank 1)"."""
    host = distributed.host_of(rank)
    return f"{host} (rank {rank})" if host else f"rank {rank}"


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
        distributed.gather_objects(None)  # wait for all
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
    """
    if distributed.world_size() == 1:
        return folder
    apart = not sees_files_of_main(folder)
    if not any(distributed.gather_objects(apart)):
        return folder
    import torch

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
        with ExitStack() as opened, distributed.patient_group() as (dist, group):
            source = opened.enter_context((folder / name).open("rb")) if distributed.is_main() else None
            target = None
            if writes and not failures:
                try:
                    (place / name).parent.mkdir(parents=True, exist_ok=True)
                    target = opened.enter_context((place / name).open("wb"))
                except OSError as error:
                    failures.append(error)
            for start in range(0, size, CHUNK_BYTES):
                count = min(CHUNK_BYTES, size - start)
                content = bytearray(count)
                if source is not None:
                    source.readinto(content)
                part = torch.frombuffer(content, dtype=torch.uint8)
                dist.broadcast(part, 0, group=group)
                if target is not None and not failures:
                    try:
                        target.write(part.numpy().tobytes())
                    except OSError as error:  # the others still send: said below
                        failures.append(error)

    def say_failure() -> None:
        if failures:
            raise UserError(
                f"{place} cannot hold a copy of {folder} ({failures[0].strerror}): make room, or set TMPDIR."
            )

    together(say_failure)
    return place if apart else folder


def check_alike(found: dict[str, Any], remedy: str) -> None:
    """Raise `ConfigError` on all ranks if what one found out differs from the main rank's.

    found: values of JSON by name, as they are called in a message; nested mappings are compared entry by entry.
    remedy: a sentence that says what to do.
    """
    told = [_flat(each) for each in distributed.gather_objects(found)]
    for rank, each in enumerate(told):
        names = [name for name in {**told[0], **each} if told[0].get(name) != each.get(name)]
        if names:
            differing = "; ".join(
                f"{name} is {_shown(told[0].get(name))} on {describe_rank(0)} and {_shown(each.get(name))} on "
                f"{describe_rank(rank)}"
                for name in names[:MOST_TOLD]
            )
            more = f"; and {len(names) - MOST_TOLD} more" if len(names) > MOST_TOLD else ""
            raise ConfigError(f"The processes would not train the same: {differing}{more}. {remedy}")


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        inner = isinstance(value, dict) and value
        found |= _flat(value, f"{before}{name} ") if inner else {f"{before}{name}": value}
    return found


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) and " " in value else json.dumps(value)
    return text if len(text) < 80 else f"{text[:77]}..."
