"""The folder of a result that is being made: what is done stays there until the result is whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imagewright.errors import ImagewrightError, RunError
from imagewright.face_swap.convert.swapping import FaceSwapper
from imagewright.files import explain_write_errors, is_locked, locked, write_whole
from imagewright.model import Model

FOUND_FOR, MADE_FOR, MADE, LOCK, PARTS = "finding.json", "swapping.json", "made.json", "lock", "parts"
ENDING = ".unfinished"


class Unfinished:
    """`OUT.unfinished` beside `OUT`: faces that were found, and the parts of a result.

    What was found stays of use if other options are given; parts that were made with others are removed. The folder
    stays until all results of a call are made and signed, so that the same call goes on wherever it was stopped.

    path: the result.
    facts: what the faces that are found depend on, as JSON values.
    keeps: whether the folder stays after an error.
    """

    def __init__(self, path: Path, facts: Mapping[str, Any], *, keeps: bool = True) -> None:
        self.path, self._facts, self._keeps = path, facts, keeps
        self.folder = path.with_name(f"{path.name}{ENDING}")
        self.parts = self.folder / PARTS

    @property
    def goes_on(self) -> bool:
        """Whether the same work was begun before, and parts of it are there."""
        return _holds(self.folder / FOUND_FOR, self._facts) and self.parts.is_dir()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the folder for this process. An error and Ctrl-C say that work is kept, if there is some.

        Raises `RunError` if another process is at it.
        """
        with explain_write_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        lock = self.folder / LOCK
        if is_locked(lock):
            raise RunError(
                f"Another process is writing {self.path}: wait for it, or give another name by --out (out=)."
            )
        with locked(lock):
            is_gone = (self.folder / MADE).exists() and not self.path.exists()
            if is_gone or not _holds(self.folder / FOUND_FOR, self._facts):
                self.forget()
            try:
                yield
            except (ImagewrightError, KeyboardInterrupt) as error:
                if not self._keeps:
                    self.remove()
                if self.folder.is_dir():
                    error.add_note(
                        f"What is done is kept in {self.folder}, and the next try goes on from there; delete that "
                        "folder to give up."
                    )
                raise

    def was_begun_for(self, facts: Mapping[str, Any]) -> bool:
        """Whether the parts that are there are of these facts."""
        return self.goes_on and _holds(self.folder / MADE_FOR, facts)

    def begin_parts(self, facts: Mapping[str, Any]) -> None:
        """Remove parts that were made with other options. From now on the same call goes on.

        facts: what the parts depend on, as JSON values.
        """
        if not _holds(self.folder / MADE_FOR, facts):
            shutil.rmtree(self.parts, ignore_errors=True)
            write_whole(self.folder / MADE_FOR, json.dumps(facts))
        self.parts.mkdir(exist_ok=True)  # before the first result: then one that is there is known to be of this work

    def mark_made(self, about: Mapping[str, Any]) -> None:
        """Say that the result is whole and in its place, and remove what it was made from.

        about: what is to be known of it by the next call, as JSON values.
        """
        write_whole(self.folder / MADE, json.dumps(about))
        for each in self.folder.glob("*.bin"):
            each.unlink()
        shutil.rmtree(self.parts, ignore_errors=True)
        self.parts.mkdir(exist_ok=True)

    def read_made(self, facts: Mapping[str, Any]) -> dict[str, Any] | None:
        """What `mark_made` wrote of a result that was made from the same parts; None if there is none."""
        try:
            made: dict[str, Any] = json.loads((self.folder / MADE).read_text())
        except (OSError, ValueError):
            return None
        return made if _holds(self.folder / MADE_FOR, facts) else None

    @property
    def is_made(self) -> bool:
        """Whether a result was made, with whatever options."""
        return (self.folder / MADE).exists()

    def forget(self) -> None:
        """Begin anew."""
        for each in self.folder.iterdir():
            if each.is_dir():
                shutil.rmtree(each, ignore_errors=True)
            elif each.name != LOCK:
                each.unlink()
        write_whole(self.folder / FOUND_FOR, json.dumps(self._facts))

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def was_begun(path: Path) -> bool:
    """Whether parts of a result were made, or all of it, by a call that did not come to its end."""
    return os.path.isdir(path.with_name(f"{path.name}{ENDING}") / PARTS)  # False for names that are too long


def _holds(path: Path, facts: Mapping[str, Any]) -> bool:
    """Whether a file was written for these facts."""
    try:
        return bool(json.loads(path.read_text()) == json.loads(json.dumps(facts)))
    except (OSError, ValueError):
        return False


def digest_weights(model: Model) -> str:
    """A short name of the weights of a model."""
    made = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        made.update(name.encode())
        made.update(tensor.detach().cpu().contiguous().view(-1).numpy().tobytes())
    return made.hexdigest()[:32]


def facts_of_swap(swapper: FaceSwapper, chosen: frozenset[int]) -> dict[str, Any]:
    """What the parts of a result depend on, besides the faces that are found, as JSON values.

    chosen: the tracks that are swapped.
    """
    origin = swapper.model.origin
    return {
        "run": None if origin is None else str(Path(origin.path).resolve()),
        "images_seen": None if origin is None else origin.images_seen,
        "weights": digest_weights(swapper.model),
        "options": swapper.options.to_dict(),
        "tracks": sorted(chosen),
    }
