"""What was found in a run's latent space and given a name: `latents/NAME.safetensors` in the run, tensors and a record.

Two kinds. A direction: where to move latents so that the pictures change in one way; `direction` (the model's latent
shape, length 1) and `scale` (how far one standard deviation of the latents is along it). Points: latents themselves,
such as projections of pictures; `latents` (N, *latent shape).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import Decodes, require
from imagewright.errors import RunError, UserError, nearest_name
from imagewright.model import Model
from imagewright.output.writing import refuse_existing
from imagewright.runs.run import Run
from imagewright.runs.weights import read_tensors, write_tensors

FOLDER = "latents"
SUFFIX = ".safetensors"
NAME = re.compile(r"(?!\d+$)\w[\w.-]*")  # a number alone would be a seed
Kind = Literal["direction", "points"]


@dataclass(frozen=True)
class Kept:
    """Tensors of a kind (see above) under a name, what is recorded of them, and what the user should know."""

    name: str
    kind: Kind
    tensors: dict[str, Tensor]
    record: dict[str, Any]
    said: tuple[str, ...] = ()


def space_of(model: Model) -> str:
    """A fingerprint of the latent space: of the model's name and all of its weights. Any training changes it."""
    content = hashlib.sha256(catalogue.name_of(model).encode())
    for name, tensor in sorted(model.state_dict().items()):
        content.update(name.encode())
        content.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return content.hexdigest()[:32]


def place_of(run: Run, name: str, *, force: bool = False) -> Path:
    """Where `name` is to be kept in the run. Raises for a name that cannot be, or that is taken (unless `force`)."""
    if not NAME.fullmatch(name):
        raise UserError(
            f"{name!r} cannot be a name: letters, digits, _ - and . are expected, and not digits alone (a seed is)."
        )
    path = run.path / FOLDER / f"{name}{SUFFIX}"
    refuse_existing([path], force=force)
    return path


def keep(
    run: Run,
    model: Model,
    name: str,
    kind: Kind,
    tensors: dict[str, Tensor],
    record: dict[str, Any],
    *,
    force: bool = False,
) -> Path:
    """Write tensors under a name into the run, whole or not at all. `record`: JSON values, how they were found."""
    path = place_of(run, name, force=force)
    own = {"kind": kind, "model": catalogue.name_of(model), "space": space_of(model)}
    write_tensors(path, tensors, {**record, **own})
    return path


def names_of(run: Run, kind: Kind | None = None) -> list[str]:
    """The names kept in a run, of one kind or of both. A damaged file is of none: asked for by name, it is named."""
    paths = sorted((run.path / FOLDER).glob(f"*{SUFFIX}"))
    return [path.stem for path in paths if kind is None or _kind_of(path) == kind]


def _kind_of(path: Path) -> str | None:
    try:
        return read_tensors(path)[1].get("kind")
    except RunError:
        return None


def find(run: Run | None, model: Model, name: str | Path, kind: Kind) -> Kept:
    """What is kept under a name in the run, or in a file of another run that holds the same weights.

    Raises `UserError` for an unknown name (with the nearest), for another kind, and for what was found in the space of
    another model. Found at another point of the same run's training, it is taken, and that is said.
    """
    own = None if run is None else run.path / FOLDER / f"{name}{SUFFIX}"
    path = own if own is not None and own.is_file() else Path(name)
    if path.suffix != SUFFIX or not path.is_file():
        known = names_of(run, kind) if run is not None else []
        listed = f" There are: {', '.join(known)}." if known else f" The run keeps no {kind} yet."
        raise UserError(f"There is no {kind} {str(name)!r}.{nearest_name(str(name), known)}{listed}")
    tensors, record = read_tensors(path)
    if record.get("kind") != kind:
        said = f"holds {record['kind']}" if "kind" in record else "was not kept by imagewright's latent tools"
        raise UserError(f"{path} {said}, and {kind} was expected.")
    return Kept(path.stem, kind, _checked(tensors, kind, model, path), record, _same_space(record, model, path, own))


def _checked(tensors: dict[str, Tensor], kind: Kind, model: Model, path: Path) -> dict[str, Tensor]:
    expected = tuple(require(model, Decodes).latent_shape)
    found = tensors.get("direction" if kind == "direction" else "latents")
    if found is None or (kind == "direction" and "scale" not in tensors):
        raise RunError(f"{path} is damaged: it holds {', '.join(tensors) or 'no tensors'}.")
    shape = tuple(found.shape) if kind == "direction" else tuple(found.shape[1:])
    if shape != expected:
        raise UserError(
            f"{path.name} is of a space of shape {shape}, but {catalogue.name_of(model)} decodes {expected}: it was "
            "found with another model."
        )
    return tensors


def _same_space(record: dict[str, Any], model: Model, path: Path, own: Path | None) -> tuple[str, ...]:
    if record.get("space") == space_of(model):
        return ()
    if path == own:
        return (f"{path.stem} was found at another point of this run's training: it may not fit as well now.",)
    raise UserError(
        f"{path} was found in the latent space of another model ({record.get('model')}), where the same numbers mean "
        "other pictures: find it anew with this run."
    )
