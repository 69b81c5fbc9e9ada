"""The run directory of a training: locked, recorded, and removed again if the training leaves nothing in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from imagewright import agreement
from imagewright.runs import places
from imagewright.runs.lock import lock_run
from imagewright.runs.run import LAUNCH, Run
from imagewright.training.joining import launch, lend_run
from imagewright.training.plan import Plan
from imagewright.training.resume import record_changes
from imagewright.training.setting import Setting, make_run_record
from imagewright.training.starting import Started


def open_run(
    name: str,
    setting: Setting,
    plan: Plan | None,
    started: Started | None,
    path: Path,
    read: Path,
    exit_stack: ExitStack,
    *,
    resume: bool,
    force: bool,
) -> Run:
    """Lock the run directory and write its record. Leaving `exit_stack` releases the lock.

    read: where this rank reads a run that is resumed (`lend_run`).
    started: the weights that `--from` took from another run; None without it.

    Returns the run, on a host that has no disk in common with the main rank's a copy of its record.
    """

    def lock_and_record() -> None:
        exit_stack.enter_context(lock_run(path))
        places.recover(path)
        if resume:
            # A training by --force that was killed has left the former run there.
            exit_stack.callback(places.restore, path)
            record_changes(Run(path), setting, plan)
        else:
            places.check_place(path, force=force)
            exit_stack.enter_context(_remove_if_unused(path))
            record = make_run_record(name, setting, plan, None if started is None else started.record)
            begun = launch()
            Run.create(path, record | ({} if begun is None else {LAUNCH: begun}), force=force)

    agreement.first_on_main(lock_and_record)
    if not resume:
        return Run(lend_run(path, exit_stack))
    run = Run(read)
    run.record = agreement.share(run.record)  # with the changes that the main rank made
    return run


@contextmanager
def _remove_if_unused(path: Path) -> Iterator[None]:
    """If the block raises before the first report, remove the run, so that the corrected command needs no --force.

    A run that this one replaces by --force is put back if it has no checkpoint at the end of the block.
    """
    try:
        yield
    except BaseException:
        places.remove_unused(path)
        raise
    finally:
        places.restore(path)
