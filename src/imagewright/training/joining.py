"""What the ranks of a training settle before it: a new run or one that goes on, and that all train the same."""

from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from imagewright import agreement, common_disk, distributed
from imagewright.errors import ConfigError, RunError
from imagewright.images import Images
from imagewright.images.decoding.value_range import describe_range
from imagewright.runs import places
from imagewright.runs.run import LAUNCH, Run
from imagewright.training.setting import Setting


def settle_resume(
    path: Path, *, resume: bool, force: bool, auto_resume: bool, say: Callable[[str], None]
) -> tuple[bool, bool]:
    """Whether the training resumes the run at a path, and whether it replaces it, as the main rank decides.

    resume, force, auto_resume: as for `train`. `auto_resume` resumes a run if there is one.
    say: called with a note if it was not the user who said so.

    A training that `torchrun` restarts, since a process was lost, resumes the run that the same `torchrun` began.
    """
    chosen = [name for name, given in (("resume", resume), ("force", force), ("auto-resume", auto_resume)) if given]
    if force and len(chosen) > 1:
        raise ConfigError(f"--{chosen[0 if resume else 1]} resumes a run and --force replaces it: give one of them.")
    agreement.check_alike(
        {"--resume": resume, "--force": force, "--auto-resume": auto_resume},
        "Start the same command on each host.",
    )

    check_out(path)
    # The torchrun of a host counts only the restarts that began on this host.
    attempt = max(distributed.gather_objects(restarts()))

    def decide() -> tuple[bool, str]:
        if not distributed.is_main():
            return False, ""
        if resume or auto_resume or attempt:
            places.bring_back(path)
        begun = (path / places.RECORD).exists()
        if attempt and begun and Run(path).record.get(LAUNCH) == launch():
            most = os.environ.get("TORCHELASTIC_MAX_RESTARTS")
            return True, f"torchrun restarted the training ({attempt} of at most {most} restarts): {_from_where(path)}"
        if auto_resume and begun:
            return True, "" if resume else _from_where(path)
        return resume, ""

    if resume or auto_resume or attempt:
        _check_latest(path)
    found, note = agreement.share(agreement.together(decide))
    if note:
        say(note)
    return found, force and not found


def _from_where(path: Path) -> str:
    checkpoints = Run(path).checkpoints()
    if not checkpoints:
        return f"{path} has no checkpoint yet, and begins again"
    return f"{path} goes on from its checkpoint at {checkpoints[-1].images_seen:,} images"


def restarts() -> int:
    """How often the `torchrun` of this host started its processes again after one of them was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT") or 0)


def launch() -> str | None:
    """A name of the running `torchrun`, the same in each of its restarts; None without it."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    logs = Path(os.environ.get("TORCHELASTIC_ERROR_FILE", "")).parts  # LOGS/RUN_RANDOM/attempt_0/0/error.json
    return logs[-4] if len(logs) > 4 else f"parent_{os.getppid()}"


def check_out(path: Path) -> None:
    """Raise `ConfigError` on all ranks if two of one machine have different run directories: the others read one run.

    Machines without a common disk may have different ones.
    """
    told = distributed.gather_objects((distributed.node(), str(path.absolute())))
    first: dict[int, tuple[int, str]] = {}
    for rank, (node, out) in enumerate(told):
        before, expected = first.setdefault(node, (rank, out))
        if out != expected:
            raise ConfigError(
                f"--out is {expected} on {agreement.describe_rank(before)} and {out} on "
                f"{agreement.describe_rank(rank)}, which are on one machine: start all ranks with the same --out."
            )


def lend_run(path: Path, stack: ExitStack, *, with_checkpoint: bool = False) -> Path:
    """Where this rank reads the main rank's run: at its path, or in a copy on a host that has no disk in common.

    with_checkpoint: its reports and its last checkpoint too, as a training that goes on needs them.
    stack: removes the copy at its end.
    """

    def needed() -> list[str]:
        names = [places.RECORD]
        if with_checkpoint:
            names += [places.METRICS] if (path / places.METRICS).exists() else []
            run = Run(path)
            if run.checkpoints():
                latest, _ = run.latest(for_resume=True)
                names += [str(file.relative_to(path)) for file in (latest.state, latest.weights)]
        return names

    return common_disk.lend(path, needed, stack)


def _check_latest(path: Path) -> None:
    """Raise `RunError` if another host has a later checkpoint: at each start torchrun may put rank 0 elsewhere."""
    if distributed.world_size() == 1:
        return
    own = agreement.together(lambda: Run(path).checkpoints() if (path / places.RECORD).exists() else [])
    told = distributed.gather_objects(own[-1].images_seen if own else -1)
    latest = max(range(len(told)), key=told.__getitem__)
    if told[latest] > told[0]:
        has = f"ends at {told[0]:,} images" if told[0] >= 0 else "has no checkpoint"
        raise RunError(
            f"{path} {has} on {agreement.describe_rank(0)}, and there is one at {told[latest]:,} images on "
            f"{agreement.describe_rank(latest)}: rank 0 is on another host than before, and they have no disk in "
            "common. Copy the run there, or remove the one that is not meant."
        )


def check_settings(model: str, setting: Setting) -> None:
    """Raise `ConfigError` on all ranks if one would train another model, with other options, or on other pictures."""
    if distributed.world_size() == 1:
        return
    agreement.check_alike(
        {
            "the model": model,
            **{f"--{name.replace('_', '-')}": _plain(value) for name, value in vars(setting.options).items()},
            **{name.replace("_", "-"): _plain(value) for name, value in dataclasses.asdict(setting.config).items()},
        },
        "Start the same command on each host. What the machine decides, such as the size, must be given where the "
        "machines differ.",
    )
    agreement.check_alike(
        {
            f"the value range of {images.source}": images.value_range and describe_range(images.value_range)
            for images in setting.sources.values()
        },
        "Each machine looked at the pictures that it has: give --value-range LOW:HIGH, or write the shards again by "
        "`imagewright data shard`, whose index names the range of all pictures.",
    )
    agreement.check_alike(
        {f"the set {images.source}": _describe(images) for images in setting.sources.values()},
        "Give each host the same files.",
    )


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | str | bool | None) else repr(value)


def _describe(images: Images) -> str:
    described = images.describe()
    annotations = described.get("annotations")
    labels = f", labels {str(annotations)[:8]}" if annotations else ""
    return f"{described['count']:,} pictures with the digest {images.fingerprint[:8]}{labels}"


def check_rows(sources: Mapping[str, Images]) -> None:
    """Raise `ConfigError` on all ranks if one could not read pictures that the others read: rows would be others."""
    if distributed.world_size() == 1:
        return
    agreement.check_alike(
        {
            f"the set {images.source}": f"{len(images):,} pictures, unreadable: {_names(images.skipped)}"
            for images in sources.values()
        },
        "Copy the unreadable pictures anew, or remove them on each host.",
    )


def _names(skipped: Iterable[tuple[str, str]]) -> str:
    return ", ".join(name for name, _ in skipped) or "none"


def tell_other_hosts(path: Path, say: Callable[[str], None]) -> None:
    """Say on each host but the main rank's where the progress is shown."""
    if distributed.node() and common_disk.is_first_on_host():
        world, here = distributed.world_size(), distributed.local_world_size()
        say(
            f"{here} of {world} processes {'is' if here == 1 else 'are'} on {socket.gethostname()}: "
            f"{distributed.host_of(0)} shows the progress and writes {path}"
        )
