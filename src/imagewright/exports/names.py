"""The names that an export may have, which are checked before anything is imported or loaded for it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from imagewright.errors import UserError

ExportKind = Literal["onnx", "safetensors", "diffusers", "published", "html"]
SUFFIXES: dict[str, str] = {"onnx": ".onnx", "safetensors": ".safetensors", "published": ".pth", "html": ".html"}
EXPECTED: dict[str, str] = {
    "onnx": "Graphs are a folder, or one file whose name ends in .onnx: not {out}.",
    "safetensors": "The weights are one file, whose name ends in .safetensors: not {out}.",
    "published": "State dicts are a folder, or one file whose name ends in .pth: not {out}.",
    "html": "A page is one file, whose name ends in .html: not {out}.",
    "diffusers": "The layout of diffusers is a folder: not {out}, whose name is that of a file.",
}
FOLDERS = ("onnx", "published", "diffusers")  # that may be folders
# Endings that no new folder has by intention.
OF_FILES = {*SUFFIXES.values(), ".htm", ".pt", ".ckpt", ".bin", ".pkl", ".zip", ".json", ".txt", ".npz", ".png", ".jpg"}


def check_name(to: ExportKind, out: Path) -> None:
    """Raise `UserError` if a file or folder of this name is none that an export makes."""
    if out.suffix == SUFFIXES.get(to):
        return
    is_folder = out.is_dir() or out.suffix.lower() not in OF_FILES
    if to not in FOLDERS or not is_folder:
        raise UserError(EXPECTED[to].format(out=out))
