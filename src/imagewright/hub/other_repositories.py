"""What to do with a repository that holds no run: which of its files `imagewright import` may read, and as what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from imagewright import catalogue
from imagewright.hub.library import Address, endpoint

CHECKPOINTS = (".pkl", ".pt", ".pth", ".bin", ".ckpt", ".safetensors", ".npz", ".h5", ".t7", ".tar")
SHOWN = 3


def explain_other_repository(address: Address, tags: Sequence[str], files: Sequence[str]) -> str:
    """A message for a repository without a run: how to import its checkpoint, if it has a file that may be one.

    tags: of the repository.
    files: their paths in it.
    """
    start = f"{address.repository} holds no run of imagewright (no run.json)"
    found = [path for path in files if PurePosixPath(path).suffix.lower() in CHECKPOINTS]
    if not found:
        listed = f": it has {', '.join(files[:SHOWN])}" if files else ": it is empty"
        return f"{start}{listed}. `imagewright pull` takes what `imagewright push` has pushed."
    system = _system_of([address.repository, *tags, *found])
    first = found[0]
    where = f"{endpoint()}/{address.repository}/resolve/{address.revision or 'main'}/{first}"
    name = PurePosixPath(first).name
    if system is None:
        known = ", ".join(_importable())
        way = f"if it is of a family that is known ({known}), `imagewright import {name} --as SYSTEM"
    else:
        way = f"it seems to be of {system}: `imagewright import {name} --as {system}"
    return (
        f"{start}, but {first} may be a published checkpoint: download {where}, and {way} --out runs/{address.name}` "
        "makes a run of it, of which nothing is executed."
    )


def _importable() -> list[str]:
    """The models whose published checkpoints can be read, longest names first: stylegan2 before stylegan."""
    names = [name for name, entry in catalogue.entries().items() if entry.adapter is not None]
    return sorted(names, key=lambda name: (-len(name), name))


def _system_of(texts: Sequence[str]) -> str | None:
    """The model whose name is in one of the texts, however it is written: StyleGAN2, style-gan2, stylegan_2.

    >>> _system_of(["anna/StyleGAN2-cats", "cats.pkl"]), _system_of(["anna/cats", "G.pt"])
    ('stylegan2', None)
    """
    plain = " ".join(re.sub(r"[\W_]", "", text.lower()) for text in texts)
    return next((name for name in _importable() if name.replace("_", "") in plain), None)
