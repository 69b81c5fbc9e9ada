"""List the directions and latents saved in a run: name, kind, how each was found, and whether it fits the weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imagewright.errors import RunError, UserError
from imagewright.latent import store
from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.runs.schemas import LatentsRecord
from imagewright.runs.weights import read_tensors
from imagewright.verbs.apply import resolve_model

HEADER = ("name", "kind", "how found", "usable")
NOT_SETTINGS = {
    "kind",
    "model",
    "space",
    "names",
}  # entries of a record that the list shows in other columns, or not at all


@dataclass(frozen=True)
class SavedName:
    """One line of the list.

    name: the name that other functions and commands accept.
    kind: "direction" or "latents"; "unknown" for a damaged file.
    count: number of latents; 1 for a direction.
    found: how it was found, in a few words.
    usable: "yes", or the reason against using it with the run's present weights.
    """

    name: str
    kind: str
    count: int
    found: str
    usable: str

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class LatentList:
    """The directions and latents saved in `run`, sorted by name."""

    run: Path
    entries: tuple[SavedName, ...]

    def to_dict(self) -> dict[str, Any]:
        """The run's folder name and the entries, as JSON values."""
        return {"run": self.run.name, "entries": [entry.to_dict() for entry in self.entries]}

    def lines(self) -> list[str]:
        """A table with a line for each entry; one sentence if nothing is saved."""
        if not self.entries:
            return [f"No directions and no latents are saved in {self.run} yet."]
        rows = [HEADER, *((entry.name, _counted(entry), entry.found, entry.usable) for entry in self.entries)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def list_latents(run: Run | str | Path, *, model: Model | None = None) -> LatentList:
    """List the directions and latents saved in a run. A damaged file is listed as such.

    run: a run or its directory.
    model: the run's model, if it is loaded already.
    Raises `UserError` for a weights file, which holds no saved latents.
    """
    directory = store.resolve_run(run)
    if directory is None:
        raise UserError(f"{run} is no run directory: saved latents are in the run, not in a weights file.")
    fingerprint = store.fingerprint_of(resolve_model(directory) if model is None else model)
    paths = sorted((directory.path / store.FOLDER).glob(f"*{store.SUFFIX}"))
    return LatentList(directory.path, tuple(_read_entry(path, fingerprint) for path in paths))


def _read_entry(path: Path, fingerprint: str) -> SavedName:
    try:
        tensors, record = read_tensors(path, LatentsRecord)
    except RunError:
        return SavedName(path.stem, "unknown", 0, "", "no: the file is damaged")
    latents = tensors.get("latents")
    return SavedName(
        path.stem,
        store.kind_of(record) or "unknown",
        1 if latents is None else len(latents),
        _how_found(record),
        "yes" if record.get("space") == fingerprint else "found at another checkpoint: may fit less well",
    )


def _how_found(record: dict[str, Any]) -> str:
    """The recorded sentence on how it was found, or else the recorded settings."""
    if "found" in record:
        return str(record["found"])
    return ", ".join(f"{name}={value}" for name, value in record.items() if name not in NOT_SETTINGS)


def _counted(entry: SavedName) -> str:
    return entry.kind if entry.count == 1 else f"{entry.count} {entry.kind}"
