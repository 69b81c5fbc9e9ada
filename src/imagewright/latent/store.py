"""Directions and latents saved in a run under a name: `latents/NAME.safetensors`, tensors and a JSON record.

A file has one of two kinds:
- "direction": `direction` (the model's latent shape, length 1), along which pictures change in one way, and `scale`,
  one standard deviation of the latents along it;
- "latents": `latents` (N, *latent shape), such as projections of pictures.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import Decodes, require
from imagewright.errors import RunError, UserError, nearest_name, one_line
from imagewright.model import Model
from imagewright.output.writing import refuse_existing
from imagewright.runs.points import split_point
from imagewright.runs.run import Run
from imagewright.runs.schemas import LatentsRecord
from imagewright.runs.weights import read_tensors, write_tensors
from imagewright.verbs.apply import RunLike
from imagewright.views import space_name

FOLDER = "latents"
SUFFIX = ".safetensors"
NAME = re.compile(r"(?!\d+$)\w[\w.-]*")  # digits alone would be a seed
Kind = Literal["direction", "latents"]
NUMBERS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
FORMER_KINDS = {"points": "latents"}  # in files written by earlier versions


@dataclass(frozen=True)
class Saved:
    """What is saved under a name: tensors of a kind (see above), their record, and notes for the user."""

    name: str
    kind: Kind
    tensors: dict[str, Tensor]
    record: dict[str, Any]
    notes: tuple[str, ...] = ()


def fingerprint_of(model: Model) -> str:
    """A hash of the model's name and all its weights. Any training changes it; views of a model share it."""
    content = hashlib.sha256(catalogue.name_of(model).encode())
    for name, tensor in sorted(model.state_dict().items()):
        content.update(name.encode())
        content.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return content.hexdigest()[:32]


def resolve_run(run: RunLike) -> Run | None:
    """The run directory, also of `RUN@400k`; None for a loaded model or a weights file, in which nothing is saved."""
    if isinstance(run, Run | Model):
        return run if isinstance(run, Run) else None
    path, _ = split_point(run)
    return Run(path) if path.is_dir() else None


def check_save(run: RunLike, names: Sequence[str], *, force: bool = False) -> Run:
    """The run directory to save `names` in, checked before long work. Raises as `new_path`, and if there is no run."""
    directory = resolve_run(run)
    if directory is None:
        raise UserError(f"save={', '.join(names)} saves in a run: give the run's folder, not a model or a file.")
    for name in names:
        new_path(directory, name, force=force)
    return directory


def new_path(run: Run, name: str, *, force: bool = False) -> Path:
    """The path at which `name` will be saved. Raises for an invalid name and, unless `force`, for a taken one."""
    if not NAME.fullmatch(name):
        raise UserError(
            f"{name!r} cannot be a name: letters, digits, _ - and . are expected, and not digits alone (a seed is)."
        )
    path = run.path / FOLDER / f"{name}{SUFFIX}"
    refuse_existing([path], force=force)
    return path


def save(
    run: Run,
    model: Model,
    name: str,
    kind: Kind,
    tensors: dict[str, Tensor],
    record: dict[str, Any],
    *,
    force: bool = False,
) -> Path:
    """Save tensors in the run under a name; the file is written whole or not at all.

    record: JSON values that say how the tensors were found; `found` is the sentence that `list_latents` shows.
    Raises as `new_path` does.
    """
    path = new_path(run, name, force=force)
    write_file(path, model, kind, tensors, record)
    return path


def write_file(path: Path, model: Model, kind: Kind, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
    """As `save`, to any path that ends in `SUFFIX`: `load` takes it by its path. A file there is replaced."""
    own = {"kind": kind, "model": catalogue.name_of(model), "space": fingerprint_of(model)}
    named = {} if space_name(model) is None else {"latent_space": space_name(model)}
    write_tensors(path, tensors, {**record, **own, **named})


def names_of(run: Run, kind: Kind | None = None) -> list[str]:
    """The names saved in a run, of one kind or of both. A damaged file has no kind; `load` reports it by its name."""
    paths = sorted((run.path / FOLDER).glob(f"*{SUFFIX}"))
    return [path.stem for path in paths if kind is None or _kind_in(path) == kind]


def kind_of(record: dict[str, Any]) -> str | None:
    """The kind that a file's record states, under its present name; None if it states none."""
    kind = record.get("kind")
    return FORMER_KINDS.get(str(kind), kind)


def _kind_in(path: Path) -> str | None:
    try:
        return kind_of(read_tensors(path, LatentsRecord)[1])
    except RunError:
        return None


def space_of(run: Run | None, name: str | Path) -> str | None:
    """The latent space in which something was found, if it is saved under this name and its record says it."""
    try:
        return read_tensors(_path_of(run, name), LatentsRecord)[1].get("latent_space")
    except RunError:
        return None  # which `load` reports


def _path_of(run: Run | None, name: str | Path) -> Path:
    """The run's own file of that name, if there is one; else the name as a path."""
    own = None if run is None else run.path / FOLDER / f"{name}{SUFFIX}"
    return own if own is not None and own.is_file() else Path(name)


def load(run: Run | None, model: Model, name: str | Path, kind: Kind) -> Saved:
    """Load what is saved in the run under a name, or in a file of another run with the same weights.

    Something found at another checkpoint of this run is returned with a note.
    Raises `UserError` for an unknown name (with the nearest one), for another kind, for another latent space of the
    model, and for another model; `RunError` for a damaged file.
    """
    own = None if run is None else run.path / FOLDER / f"{name}{SUFFIX}"
    path = _path_of(run, name)
    if path.suffix != SUFFIX or not path.is_file():
        known = names_of(run, kind) if run is not None else []
        listed = f" There are: {', '.join(known)}." if known else f" No {kind} saved yet."
        raise UserError(f"The run has no {kind} {str(name)!r}.{nearest_name(str(name), known)}{listed}")
    tensors, record = read_tensors(path, LatentsRecord)
    found = kind_of(record)
    if found != kind:
        holds = "was not written by imagewright's latent tools" if found is None else f"holds {found}"
        raise UserError(f"{path} {holds}, and {kind} was expected.")
    _check_space(record, model, path)
    return Saved(path.stem, kind, _checked(tensors, kind, model, path), record, _check_model(record, model, path, own))


def _check_space(record: dict[str, Any], model: Model, path: Path) -> None:
    """Raise `UserError` for something found in another of the model's spaces, such as StyleGAN's z and w."""
    recorded, present = record.get("latent_space"), space_name(model)
    if recorded is not None and present is not None and recorded != present:
        raise UserError(
            f"{path.stem} was found in the space {recorded}, and the model is in the space {present}: give --space "
            f"{recorded} (space={recorded!r} when it is loaded)."
        )


def _checked(tensors: dict[str, Tensor], kind: Kind, model: Model, path: Path) -> dict[str, Tensor]:
    expected = tuple(require(model, Decodes).latent_shape)
    found = tensors.get("direction" if kind == "direction" else "latents")
    if found is None or (kind == "direction" and "scale" not in tensors):
        raise RunError(f"{path} is damaged: it holds {one_line(', '.join(tensors)) or 'no tensors'}.")
    numbers = [found, tensors["scale"]] if kind == "direction" else [found]
    if any(each.dtype not in NUMBERS or not each.isfinite().all() for each in numbers) or found.ndim == 0:
        raise RunError(f"{path} is damaged: it holds other than finite numbers of 16 bits or more.")
    if kind == "direction" and numbers[1].numel() != 1:
        raise RunError(f"{path} is damaged: its scale is of shape {tuple(numbers[1].shape)}, not one number.")
    shape = tuple(found.shape) if kind == "direction" else tuple(found.shape[1:])
    if shape != expected:
        raise UserError(
            f"{path.name} is of a latent space of shape {shape}, but {catalogue.name_of(model)} decodes {expected}: "
            "it was found with another model."
        )
    return tensors


def _check_model(record: dict[str, Any], model: Model, path: Path, own: Path | None) -> tuple[str, ...]:
    """A note if the file is the run's `own` and from another checkpoint. Raises `UserError` for another model's."""
    if record.get("space") == fingerprint_of(model):
        return ()
    if path == own:
        return (f"{path.stem} was found at another checkpoint of this run: it may fit less well now.",)
    raise UserError(
        f"{path} was found in the latent space of another model ({record.get('model')}), where the same numbers mean "
        "other pictures: find it again with this run."
    )
