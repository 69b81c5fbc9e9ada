"""Pull a run from the Hugging Face hub into a folder that `load` opens. Nothing that is pulled is executed.

Files are downloaded into a hidden folder beside the place, checked there as a run, and get their place together: a pull
that is cut leaves no half run, and the next one goes on with what has arrived.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from imagewright import catalogue
from imagewright.errors import RunError, UserError, count_text, one_line
from imagewright.files import explain_write_errors, locked, write_whole
from imagewright.hub.download import StoredFile, download_all, part_of
from imagewright.hub.layout import kind_of
from imagewright.hub.library import Address, HubError, endpoint, explain_hub_errors, open_api, parse_address, quietly
from imagewright.hub.other_repositories import explain_other_repository
from imagewright.images import notices
from imagewright.progress import Progress
from imagewright.regular_files import names_in
from imagewright.runs import places
from imagewright.runs.lock import is_training, lock_run
from imagewright.runs.places import RECORD
from imagewright.runs.run import Run
from imagewright.runs.scores import read_scores
from imagewright.runs.weights import CHECKPOINTS

FOLDER = "runs"  # in which a pulled run lies by default
MOST_FILES = 10_000
AGAIN = "What has arrived is kept: the same command goes on from there."


def pull(
    repository: str,
    *,
    out: str | Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Pull a run from the Hugging Face hub. Returns the run, which all verbs take.

    repository: OWNER/NAME, or OWNER/NAME@REVISION for a branch, a tag or a commit.
    out: the folder of the run; `runs/NAME` by default. A run of the same commit that lies there is checked and kept.
    force: replace another run that lies there. What is saved in its `latents/` stays.
    progress: called with (done, total) in bytes.

    Files of a run alone are taken, each checked by its size and hash; no pickles. run.json then says in `pulled` from
    which repository and commit they came. The hub is `$HF_ENDPOINT`, the login its own.
    Raises `HubError` if the hub or the network fails, `RunError` for a place that is taken or a damaged run, and
    `UserError` for a repository that holds no run, with the way to import what it holds.
    """
    address = parse_address(repository)
    place = Path(out) if out is not None else Path(FOLDER) / address.name
    api = open_api()
    with explain_hub_errors(address, "pull from"), quietly():
        info = api.repo_info(address.repository, revision=address.revision)
        commit = str(info.sha)
        listed = list(api.list_repo_tree(address.repository, recursive=True, revision=commit))
    files, others = _choose(listed)
    if RECORD not in {file.path for file in files}:
        raise UserError(explain_other_repository(address, [str(each) for each in info.tags or ()], others))
    pulled = {"repository": address.repository, "revision": address.revision, "commit": commit, "hub": endpoint()}
    if _is_settled(place, pulled, files, force=force):
        return Run(place)
    if others:
        notices.add_notes([f"Left there: {count_text(len(others), 'file')} that no run has, such as {others[0]}."])
    with explain_write_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        staging = place.parent / f".{place.name}.pulling"
        with _locked_staging(staging):
            if _is_settled(place, pulled, files, force=force):  # by another process, for which this one waited
                return Run(place)
            staging.mkdir(exist_ok=True)
            arrived = staging / "run"
            _drop_others(arrived, files)
            with explain_hub_errors(address, "pull from", AGAIN), quietly():
                download_all(address.repository, commit, files, arrived, progress)
            _check_arrived(arrived, address)
            _settle(arrived, place, pulled)
            shutil.rmtree(staging, ignore_errors=True)
    return Run(place)


def _choose(listed: list[Any]) -> tuple[list[StoredFile], list[str]]:
    """The files of a run among those of a repository, the record last; and the paths of the others.

    Raises `HubError` for a file that is larger than its kind can be, and for very many.
    """
    files: list[StoredFile] = []
    others: list[str] = []
    for each in listed:
        if not hasattr(each, "size"):  # a folder
            continue
        kind = kind_of(each.path)
        if kind is None:
            others += [] if each.path.startswith(".git") else [one_line(each.path, 80)]
            continue
        if not 0 <= each.size <= kind.most:
            raise HubError(f"{each.path} states {each.size:,} bytes, and a {kind.name} has {kind.most:,} at most.")
        large = each.lfs is not None
        files.append(StoredFile(each.path, int(each.size), str(each.lfs.sha256 if large else each.blob_id), large))
    if len(files) > MOST_FILES:
        raise HubError(f"The repository has {len(files):,} files of a run, and {MOST_FILES:,} are taken at most.")
    return sorted(files, key=lambda file: (file.path == RECORD, file.path)), others


def _is_there(place: Path, pulled: dict[str, Any], files: list[StoredFile]) -> bool:
    """Whether a run of the same commit lies at the place, whole; its record differs by the entry `pulled` alone."""
    try:
        known = Run(place).record.get("pulled")
    except RunError:
        return False
    same = isinstance(known, dict) and all(known.get(key) == pulled[key] for key in ("repository", "commit"))
    rest = [file for file in files if file.path != RECORD]
    return same and all((place / file.path).is_file() and file.is_whole(place / file.path) for file in rest)


def _is_settled(place: Path, pulled: dict[str, Any], files: list[StoredFile], *, force: bool) -> bool:
    """Whether the commit lies at the place already, which is then said. Raises `RunError` for a place that is taken."""
    if _is_there(place, pulled, files):
        notices.add_notes([f"{place} holds this commit already, whole."])
        return True
    _check_place(place, force=force)
    return False


@contextmanager
def _locked_staging(staging: Path) -> Iterator[None]:
    """Hold the lock of a staging folder. The lock file lies beside it, and is removed at the end.

    Who has waited for a file that was removed holds a lock that nobody else sees, and so asks again.
    """
    path = staging.with_name(f"{staging.name}.lock")
    while True:
        with locked(path) as descriptor:
            if not _is_file_at(path, descriptor):
                continue
            try:
                yield
            finally:
                with suppress(OSError):  # where open files cannot be removed
                    path.unlink()
            return


def _is_file_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _check_place(place: Path, *, force: bool) -> None:
    """Raise `RunError` if something else lies at the place; a run is replaced by `force`."""
    if place.exists() and not place.is_dir():
        raise RunError(f"{place} is a file: name a folder by --out.")
    if is_training(place):
        raise RunError(f"{place} is being trained now: give another place by --out.")
    names = [name for name in names_in(place) if not name.startswith(".")]
    known = {*places.MADE_BY_TRAINING, *places.SAVED_BESIDE, "README.md", "card"}
    if names and not known.issuperset(names):
        raise RunError(f"{place} is a folder with other files in it: give a new or empty place by --out.")
    if names and not force:
        raise RunError(f"{place} holds a run already: replace it by --force, or give another place by --out.")


def _drop_others(arrived: Path, files: list[StoredFile]) -> None:
    """Remove what an earlier pull of another commit left."""
    wanted = {arrived / file.path for file in files} | {part_of(arrived / file.path, file) for file in files}
    for path in sorted(arrived.rglob("*"), reverse=True):
        if path.is_file() and path not in wanted:
            path.unlink()


def _check_arrived(arrived: Path, address: Address) -> None:
    """Raise `RunError` if the files are no run that this version knows. Headers and records are read, no tensors."""
    try:
        run = Run(arrived)
        catalogue.entry_of(run.model)
        run.latest()
        read_scores(arrived)
    except UserError as error:
        said = str(error).replace(f"{arrived}/", "").replace(str(arrived), "it").rstrip(".")
        raise RunError(f"{address.repository} holds no usable run: {said}. Nothing was put into its place.") from None


def _settle(arrived: Path, place: Path, pulled: dict[str, Any]) -> None:
    """Give the files their place: all at once if nothing is there.

    Else a run that is there is set aside until the checkpoints of this one have arrived, all by one renaming: a kill
    before leaves the former run to `places.restore`, a kill after leaves this one.
    """
    record = json.loads((arrived / RECORD).read_bytes()) | {"pulled": pulled}
    write_whole(arrived / RECORD, json.dumps(record, indent=2) + "\n")
    if not place.exists():
        arrived.rename(place)
        return
    with lock_run(place):
        places.recover(place)
        places.clear_place(place)
        try:
            for name in reversed(places.MADE_BY_TRAINING):
                if name != CHECKPOINTS and (arrived / name).exists():
                    (arrived / name).rename(place / name)
            (arrived / CHECKPOINTS).rename(place / CHECKPOINTS)
        finally:
            places.restore(place)
        shutil.rmtree(place / "card", ignore_errors=True)
        for path in sorted(arrived.rglob("*")):
            if path.is_file():
                target = place / path.relative_to(arrived)
                target.parent.mkdir(parents=True, exist_ok=True)
                path.replace(target)
    with suppress(OSError):
        shutil.rmtree(arrived)
