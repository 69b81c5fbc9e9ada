"""Push a run to the Hugging Face hub: one commit, which holds all of it or nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagewright.errors import ConfigError, count_text
from imagewright.files import explain_write_errors
from imagewright.hub.card import model_card
from imagewright.hub.layout import kind_of
from imagewright.hub.library import (
    Address,
    endpoint,
    explain_hub_errors,
    open_api,
    parse_address,
    quietly,
    require_token,
)
from imagewright.hub.licences import check_licence
from imagewright.hub.publishing import Publication, check_publishable
from imagewright.runs.places import RECORD
from imagewright.runs.run import Run
from imagewright.verbs.apply import ImagesLike

HUBS_OWN = (".gitattributes", ".gitignore")
AGAIN = "No file was changed there. The same command goes on: files that have arrived are not sent again."


@dataclass(frozen=True)
class Pushed:
    """What was pushed.

    url: of the repository's page.
    commit: its hash.
    is_private: whether others see nothing of the repository.
    files: paths in the repository, with their sizes in bytes.
    is_changed: False if the repository held all of this already.
    notes: sentences for the user: what was left out or taken out.
    """

    url: str
    commit: str
    is_private: bool
    files: dict[str, int]
    is_changed: bool
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """The notes, then what was pushed and who sees it."""
        seen = "private: you alone see it" if self.is_private else "public: everybody sees it"
        total = sum(self.files.values())
        done = "Pushed" if self.is_changed else "Nothing has changed since the last push:"
        return [*self.notes, f"{done} {count_text(len(self.files), 'file')} of {total:,} bytes ({seen})."]


def push(
    run: Run | str | Path,
    repository: str,
    *,
    license: str | None = None,
    public: bool = False,
    about_data: str | None = None,
    people: bool = False,
    examples: ImagesLike | None = None,
    with_training_state: bool = False,
    with_report: bool = False,
    with_training_pictures: bool = False,
    force: bool = False,
) -> Pushed:
    """Push a run to the Hugging Face hub: its latest weights, records, scores, directions, and a model card.

    run: a run or its directory.
    repository: OWNER/NAME. It is made if it is missing.
    license, about_data, people, examples: of the card, as for `model_card`.
    public: whether a repository that is made is public; by default it is private. One that exists stays as it is.
    with_training_state: push the state of the optimizers too, so that others can resume the training.
    with_report: push report.html too, with the training pictures on it.
    with_training_pictures: push a model whose weights hold its training pictures, such as kde.
    force: push over a repository that holds something else than a run.

    Paths are taken out of the records, and the training pictures stay here. The login is the hub's own (HF_TOKEN, or
    `hf auth login`), the hub `$HF_ENDPOINT`.
    Raises `RunError` for a run that learned faces without a record of consent, `ConfigError` for a missing licence,
    `UserError` without a login, and `HubError` if the hub or the network fails.
    """
    address = parse_address(repository, with_revision=False)
    opened = run if isinstance(run, Run) else Run(run)
    licence = check_licence(license)
    check_publishable(opened, with_training_pictures=with_training_pictures)
    api = open_api()
    require_token()
    card = model_card(
        opened,
        license=licence,
        repository=address.repository,
        about_data=about_data,
        people=people,
        examples=examples,
    )
    with explain_write_errors(tempfile.gettempdir()):
        folder = Path(tempfile.mkdtemp(prefix="imagewright-push-"))
        try:
            made = Publication(opened, folder, card)
            made.add_all(with_training_state=with_training_state, with_report=with_report)
            return _send(api, address, made, public=public, force=force)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _send(api: Any, address: Address, made: Publication, *, public: bool, force: bool) -> Pushed:
    """Make the repository if it is missing, and commit the files over what it holds."""
    with explain_hub_errors(address, "push to", AGAIN), quietly() as told:
        api.create_repo(address.repository, private=not public, exist_ok=True)
        info = api.repo_info(address.repository)
        there = [each.path for each in api.list_repo_tree(address.repository, recursive=True) if hasattr(each, "size")]
        _check_place(address, there, force=force)
        operations = _operations(made.files, there)
        commit = api.create_commit(
            address.repository, operations, commit_message="Push a run of imagewright", parent_commit=info.sha
        )
    notes = [*made.notes, *told]
    if public and info.private:
        notes.append(f"{address.repository} was there already and stays private: its settings on the hub change that.")
    elif not public and not info.private:
        notes.append(f"{address.repository} was there already and stays public.")
    return Pushed(
        url=f"{endpoint()}/{address.repository}",
        commit=str(commit.oid),
        is_private=bool(info.private),
        files={name: path.stat().st_size for name, path in sorted(made.files.items())},
        is_changed=commit.oid != info.sha,
        notes=tuple(notes),
    )


def _check_place(address: Address, there: Iterable[str], *, force: bool) -> None:
    """Raise `ConfigError` if a repository holds something else than a run, unless `force`."""
    own = [path for path in there if path not in HUBS_OWN]
    if own and RECORD not in own and not force:
        raise ConfigError(
            f"{address.repository} holds other files ({', '.join(own[:3])}) and no run: give another name, or push "
            "over them by --force."
        )


def _operations(files: dict[str, Path], there: Iterable[str]) -> list[Any]:
    """What a commit does: add the files, and remove those of an earlier push that this one has not."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    gone = [path for path in there if path not in files and kind_of(path) is not None]
    added = [CommitOperationAdd(name, str(path.absolute())) for name, path in sorted(files.items())]
    return [*added, *(CommitOperationDelete(path, is_folder=False) for path in sorted(gone))]
