"""Checkpoint files: safetensors, no pickle. A record in the header says which model the tensors are of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagewright.downloads import file_checksum
from imagewright.errors import RunError, one_line
from imagewright.files import atomic_write, openable
from imagewright.regular_files import check_regular, explain_read_errors, names_in
from imagewright.runs.schemas import Schema, StateRecord, WeightsRecord, parse_record

if TYPE_CHECKING:
    from torch import Tensor, nn

# One key with JSON in it: safetensors writes several keys in no fixed order, and equal runs must give equal bytes.
RECORD_KEY = "imagewright"
CHECKPOINTS = "checkpoints"  # the folder of a run
LARGEST_RECORD = 16 << 20  # characters
LONGEST_NUMBER = 15  # digits of the images seen in a file's name


@dataclass(frozen=True)
class Checkpoint:
    """The two files of a point of training: `weights` for the verbs, and `state`, which only resuming needs."""

    images_seen: int
    weights: Path
    state: Path


def checkpoint_at(run: Path, images_seen: int) -> Checkpoint:
    """The paths of a run's checkpoint after so many images, whether it exists or not."""
    stem = run / CHECKPOINTS / f"{images_seen:09d}"
    return Checkpoint(images_seen, stem.with_suffix(".safetensors"), stem.with_suffix(".state.safetensors"))


def list_checkpoints(run: Path) -> list[Checkpoint]:
    """The checkpoints of a run, earliest first: a checkpoint exists if its weights do, which are written last.

    Raises `RunError` if their folder cannot be read, which is not the same as having none.
    """
    stems = [name.removesuffix(".safetensors") for name in names_in(run / CHECKPOINTS) if name.endswith(".safetensors")]
    numbers = [int(stem) for stem in stems if stem.isascii() and stem.isdigit() and len(stem) <= LONGEST_NUMBER]
    known = set(stems)  # without names such as 16.safetensors, which the package does not write
    return [checkpoint_at(run, number) for number in sorted(set(numbers)) if f"{number:09d}" in known]


def write_tensors(path: Path, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
    """Write tensors and their record to a file: either all of it, or, after an error, nothing."""
    from safetensors.torch import save_file

    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_write(path) as temporary:
        save_file(ready, temporary, metadata={RECORD_KEY: json.dumps(record, sort_keys=True)})


def read_tensors(path: Path, schema: type[Schema] = Schema) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the record of a file; the record is checked by a schema. Raises `RunError` for a damaged file."""
    from safetensors import SafetensorError, safe_open

    try:
        _check_readable(path)
        with openable(path) as place, safe_open(place, framework="pt") as file:
            record = _record_in(file, path, schema)
            return {name: file.get_tensor(name) for name in file.keys()}, record  # noqa: SIM118 (no mapping)
    except FileNotFoundError:
        raise RunError(f"{path} does not exist.") from None
    # Types that torch has no name for, sizes that it cannot count: safetensors itself raises errors of many kinds.
    except (SafetensorError, OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError) as error:
        if isinstance(error, RunError):
            raise
        if path.suffix.lower() != ".safetensors":
            raise RunError(
                f"{path} holds no weights: expected the directory of a run, or a file of weights (.safetensors)."
            ) from None
        raise RunError(
            f"{path} is damaged or no safetensors file ({path.stat().st_size:,} bytes: {one_line(error)}). "
            "It was cut short or changed after it was written."
        ) from None


def find_damage(checkpoint: Checkpoint, *, for_resume: bool) -> str | None:
    """What is wrong with a checkpoint's files, or None if they are intact. Reads the headers, not the tensors.

    Raises `RunError` for a file that cannot be read now: it may be intact.
    """
    from safetensors import SafetensorError, safe_open

    parts: list[tuple[Path, type[Schema]]] = [(checkpoint.weights, WeightsRecord), (checkpoint.state, StateRecord)]
    for path, schema in parts if for_resume else parts[:1]:
        try:
            _check_readable(path)
        except FileNotFoundError:
            return f"{path} is missing"
        try:
            with openable(path) as place, safe_open(place, framework="numpy") as file:
                _record_in(file, path, schema)
        except RunError as error:
            return str(error).rstrip(".")
        except (SafetensorError, OSError, ValueError) as error:
            return f"{path} is damaged ({one_line(error)})"
    return None


def _check_readable(path: Path) -> None:
    """Raise `RunError` for what cannot be read or is no regular file, `FileNotFoundError` if nothing is there.

    safetensors takes the path and not an open file, and tells no permission from no file.
    """
    check_regular(path)
    with explain_read_errors(path), path.open("rb") as file:
        file.read(1)


def _record_in(file: Any, path: Path, schema: type[Schema]) -> dict[str, Any]:
    """The record in the header of an open safetensors file; an empty one is checked too."""
    text = (file.metadata() or {}).get(RECORD_KEY, "{}")
    if len(text) > LARGEST_RECORD:
        raise RunError(f"{path} is damaged: its record has {len(text):,} characters.")
    return parse_record(text, schema, str(path))


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Which tensors of a file were copied into a model by name and shape, and which were not."""

    source: str
    digest: str  # SHA-256 of the file
    taken: tuple[str, ...]
    left: tuple[str, ...]  # in the file, but the model has no tensor of that name
    missing: tuple[str, ...]  # in the model, but not in the file: they keep their values
    wrong_shape: tuple[str, ...]  # in both, with different shapes: they keep the model's values

    def to_dict(self) -> dict[str, Any]:
        """JSON values: every name that was not taken, and the number of tensors that were."""
        return {
            "source": self.source,
            "digest": self.digest,
            "taken": len(self.taken),
            "left": list(self.left),
            "missing": list(self.missing),
            "wrong_shape": list(self.wrong_shape),
        }

    def lines(self) -> list[str]:
        """Printed lines: the counts, then the first few names of each kind that was not taken."""
        total = len(self.taken) + len(self.missing) + len(self.wrong_shape)
        lines = [f"{len(self.taken)} of the model's {total} tensors start from {self.source}."]
        for names, meaning in (
            (self.missing, "not in the file"),
            (self.wrong_shape, "of another shape in the file"),
            (self.left, "in the file only, left out"),
        ):
            if names:
                more = f" and {len(names) - 3} more" if len(names) > 3 else ""
                lines.append(f"{len(names)} {meaning}: {', '.join(names[:3])}{more}.")
        return lines


def matching_tensors(model: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> Taken:
    """Copy into `model`, in place, every tensor whose name and shape are those of one of its own.

    model: any module; a tensor that is not matched keeps its value. Its empty tensors are no weights: training fits
        them to the data, and they are neither taken nor named.
    tensors: what `read_tensors(path)` returned.
    path: the file, for the report and its digest.

    Raises `RunError` if not one tensor matches.
    """
    state = model.state_dict()  # these share their memory with the model's parameters and buffers
    own = {name: tensor for name, tensor in state.items() if tensor.numel()}
    shared = [name for name in own if name in tensors]
    taken = [name for name in shared if tensors[name].shape == own[name].shape]
    if not taken:
        raise RunError(
            f"{path} holds no tensor that fits this model by name and shape: expected names such as "
            f"{next(iter(own), 'none')}, found {', '.join(list(tensors)[:3]) or 'none'}. "
            "Start from a run of the same model, or of a similar one."
        )
    for name in taken:
        own[name].copy_(tensors[name])
    return Taken(
        source=str(path),
        digest=file_checksum(path),
        taken=tuple(taken),
        left=tuple(name for name in tensors if name not in state),
        missing=tuple(name for name in own if name not in tensors),
        wrong_shape=tuple(name for name in shared if name not in taken),
    )
