"""Checkpoint files: safetensors, no pickle. A record in the header says which model the tensors are of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagewright.downloads import file_checksum
from imagewright.errors import RunError
from imagewright.files import atomic_write, openable

if TYPE_CHECKING:
    from torch import Tensor, nn

# One key with JSON in it: safetensors writes several keys in no fixed order, and equal runs must give equal bytes.
RECORD_KEY = "imagewright"


@dataclass(frozen=True)
class Checkpoint:
    """The two files of a point of training: `weights` for the verbs, and `state`, which only resuming needs."""

    images_seen: int
    weights: Path
    state: Path


def write_tensors(path: Path, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
    """Write tensors and their record to a file: either all of it, or, after an error, nothing."""
    from safetensors.torch import save_file

    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_write(path) as temporary:
        save_file(ready, temporary, metadata={RECORD_KEY: json.dumps(record, sort_keys=True)})


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the record of a file. Raises `RunError` if it is missing or damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with openable(path) as place, safe_open(place, framework="pt") as file:
            record = json.loads((file.metadata() or {}).get(RECORD_KEY, "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, record  # noqa: SIM118 (no mapping)
    except FileNotFoundError:
        raise RunError(f"{path} does not exist.") from None
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise RunError(
            f"{path} is damaged or no safetensors file ({path.stat().st_size:,} bytes: {error}). "
            "It was cut short or changed after it was written."
        ) from None


def find_damage(checkpoint: Checkpoint, *, for_resume: bool) -> str | None:
    """What is wrong with a checkpoint's files, or None if they are intact. Reads the headers, not the tensors."""
    from safetensors import SafetensorError, safe_open

    for path in (checkpoint.weights, *((checkpoint.state,) if for_resume else ())):
        if not path.exists():
            return f"{path} is missing"
        try:
            with openable(path) as place, safe_open(place, framework="numpy"):
                pass
        except (SafetensorError, OSError) as error:
            return f"{path} is damaged ({error})"
    return None


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

    model: any module; a tensor that is not matched keeps its value.
    tensors: what `read_tensors(path)` returned.
    path: the file, for the report and its digest.

    Raises `RunError` if not one tensor matches.
    """
    own = model.state_dict()  # these share their memory with the model's parameters and buffers
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
        left=tuple(name for name in tensors if name not in own),
        missing=tuple(name for name in own if name not in tensors),
        wrong_shape=tuple(name for name in shared if name not in taken),
    )
