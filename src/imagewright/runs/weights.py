"""Checkpoint files: tensors in safetensors, no pickle, and a record of what they are in the header."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagewright.errors import RunError
from imagewright.files import written_whole

if TYPE_CHECKING:
    from torch import Tensor

# One key, holding JSON: safetensors writes several keys in no fixed order, and equal runs must give equal bytes.
RECORD_KEY = "imagewright"


@dataclass(frozen=True)
class Checkpoint:
    """One point of a training: `weights` is what the verbs use, `state` what resuming needs besides."""

    images_seen: int
    weights: Path
    state: Path


def write_tensors(path: Path, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
    """Write tensors and their record, whole or not at all."""
    from safetensors.torch import save_file

    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with written_whole(path) as temporary:
        save_file(ready, temporary, metadata={RECORD_KEY: json.dumps(record, sort_keys=True)})


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and record of a file; raises `RunError` that says what is wrong with a damaged one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            record = json.loads((file.metadata() or {}).get(RECORD_KEY, "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, record  # noqa: SIM118 (no mapping)
    except FileNotFoundError:
        raise RunError(f"{path} does not exist.") from None
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise RunError(
            f"{path} is damaged or no safetensors file ({path.stat().st_size:,} bytes: {error}). "
            "It was cut short or changed after it was written."
        ) from None


def damage(checkpoint: Checkpoint, *, for_resume: bool) -> str | None:
    """What is wrong with a checkpoint's files, or None where they are whole. Reads the headers, not the tensors."""
    from safetensors import SafetensorError, safe_open

    for path in (checkpoint.weights, *((checkpoint.state,) if for_resume else ())):
        if not path.exists():
            return f"{path} is missing"
        try:
            with safe_open(path, framework="numpy"):
                pass
        except (SafetensorError, OSError) as error:
            return f"{path} is damaged ({error})"
    return None
