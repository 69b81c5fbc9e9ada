"""The place of a run: what may be put there, what `--force` sets aside, and what killed processes left.

While a training by `--force` has no checkpoint yet, the former run is in a hidden folder in its place. Files move there
and back one by one, in a second hidden folder: wherever a kill stops this, the files are found and put back.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from imagewright.errors import RunError
from imagewright.files import explain_write_errors, remove_leftovers
from imagewright.regular_files import names_in
from imagewright.runs.lock import lock_run
from imagewright.runs.weights import CHECKPOINTS, list_checkpoints

RECORD = "run.json"
METRICS = "metrics.jsonl"
SAMPLES = "samples"
PRIOR_SAMPLES = f"{SAMPLES}/prior"  # at the end of a training whose samples come from a fitted density
PAGE = "report.html"
TRAINING_PICTURES = "training_pictures.png"
SCORES = ("scores.json", "scores.csv", ".scores.lock")  # of `runs/scores.py`; they belong to this training
# In the order in which they are removed: a removal that is killed leaves a run.json, and so a run that can be replaced.
MADE_BY_TRAINING = (SAMPLES, CHECKPOINTS, PAGE, TRAINING_PICTURES, *SCORES, METRICS, RECORD)
SAVED_BESIDE = ("latents", "tensorboard")  # stays when a run is replaced
REPLACED = ".replaced"  # the former run, whole
MOVING = ".replacing"  # the former run, or a part of it, on its way there or back
STEMS = ("run", "metrics", "report", "training_pictures", "scores")  # of the files that are written whole or not at all
WEIGHTS_ALONE = f"Each file in {CHECKPOINTS}/ can be named in place of the run: the verbs work on it alone."


def check_place(path: Path, *, force: bool) -> None:
    """Raise `RunError` if no run can be created at a place, so that it is known before the long work of a training.

    force: whether a run that is there may be replaced.
    """
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file: name a folder for the run with --out.")
    names = [name for name in names_in(path) if not name.startswith(".")]
    if RECORD in names or _is_half_replaced(path):
        if not force and not is_unused(path):
            raise RunError(
                f"{path} holds a run already: go on with it by --resume, replace it by --force, "
                "or give another place by --out."
            )
    elif _are_remains(path, names):
        if not force:
            raise RunError(
                f"{path} holds what remains of a run without its {RECORD}: replace it by --force, or give another "
                f"place by --out. {WEIGHTS_ALONE}"
            )
    # Hidden files do not count: a killed process may have left a half-written record.
    elif any(not _is_empty_folder(path / name) for name in names):
        raise RunError(f"{path} is a folder with other files in it: give a new or empty place by --out.")


def is_unused(path: Path) -> bool:
    """Whether the run at a place has neither a checkpoint nor a report, and is replacing no other one."""
    return not (path / METRICS).exists() and not list_checkpoints(path) and not _is_half_replaced(path)


def _is_half_replaced(path: Path) -> bool:
    return (path / REPLACED).is_dir() or (path / MOVING).is_dir()


def _are_remains(path: Path, names: list[str]) -> bool:
    """Whether a folder holds nothing but what a training writes, and some of it that cannot be anything else."""
    known = {*MADE_BY_TRAINING, *SAVED_BESIDE}
    return known.issuperset(names) and (METRICS in names or bool(list_checkpoints(path)))


def _is_empty_folder(path: Path) -> bool:
    """Whether it is a folder with no more than hidden files, as a killed process leaves."""
    return path.is_dir() and all(name.startswith(".") for name in names_in(path))


# Under the lock of the run


def clear_place(path: Path) -> None:
    """Make room for a new run: remove one that is unused, set another one aside (`restore`)."""
    if (path / RECORD).exists() and is_unused(path):
        remove(path)
    elif any((path / name).exists() for name in MADE_BY_TRAINING):
        set_aside(path)


def remove_unused(path: Path) -> None:
    """Remove the run if its training wrote neither a checkpoint nor a report."""
    if not (path / METRICS).exists() and not list_checkpoints(path):
        remove(path)


def remove(path: Path) -> None:
    """Remove the files that a training writes, and no others."""
    with explain_write_errors(path):
        for name in MADE_BY_TRAINING:
            made = path / name
            if made.is_dir() and not made.is_symlink():
                shutil.rmtree(made)
            else:
                made.unlink(missing_ok=True)


def set_aside(path: Path) -> None:
    """Move the files of the run at a place into a hidden folder in it, until `restore`."""
    restore(path)  # one that a killed process left
    with explain_write_errors(path):
        (path / MOVING).mkdir()
        for name in MADE_BY_TRAINING:
            if (path / name).exists():
                (path / name).rename(path / MOVING / name)
        (path / MOVING).rename(path / REPLACED)


def restore(path: Path) -> None:
    """Put a run that was set aside back; if the run that replaced it has a checkpoint, remove the former one."""
    _move_back(path)
    if not (path / REPLACED).is_dir():
        return
    if list_checkpoints(path):
        shutil.rmtree(path / REPLACED, ignore_errors=True)
    else:
        remove(path)
        with explain_write_errors(path):
            (path / REPLACED).rename(path / MOVING)
        _move_back(path)


def _move_back(path: Path) -> None:
    """End a move that was killed: whatever is on its way goes back to where the run was."""
    if (path / MOVING).is_dir():
        with explain_write_errors(path):
            for name in names_in(path / MOVING):
                (path / MOVING / name).rename(path / name)
            (path / MOVING).rmdir()


def recover(path: Path) -> None:
    """Undo what a process that was killed left half done: a run on its way, and temporary files."""
    _move_back(path)
    if not (path / RECORD).exists():
        restore(path)
    remove_leftovers(path, STEMS)
    for folder in (path / SAMPLES, path / CHECKPOINTS):  # which nobody writes to without the lock
        for name in names_in(folder):
            if name.startswith("."):
                with suppress(OSError):
                    (folder / name).unlink()


def bring_back(path: Path) -> None:
    """Lock a place and recover the run in it, if its replacement by `--force` was killed before there was a new one."""
    if (path / MOVING).is_dir() or ((path / REPLACED).is_dir() and not (path / RECORD).exists()):
        with lock_run(path):
            recover(path)
