"""The catalogue of models. Reading it does not import torch; a model's module is imported by `model_class`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from imagewright.catalogue_entries import ENTRIES, Entry
from imagewright.errors import UserError, nearest_name

if TYPE_CHECKING:
    from imagewright.model import Model

__all__ = ["Entry", "OpenedSets", "entries", "entry_of", "list_models", "model_class", "name_of", "opener_of"]


@dataclass(frozen=True)
class OpenedSets:
    """What the opener of a model makes of the user's images, where the sources are more than pictures.

    sources: the opened sets (`Images`), in the order of the model's sources.
    config: what the sets decide of the model's configuration.
    """

    sources: Mapping[str, Any]
    config: dict[str, Any]


@cache
def entries() -> dict[str, Entry]:
    """Every model by name: those of this package, then those that other packages register.

    A package registers a model by an entry point of the group `imagewright.models` that names an `Entry`:
    `mymodel = "mypackage.catalogue:MYMODEL"`.
    """
    from importlib.metadata import entry_points  # slow, and `imagewright --help` does not need it

    table = {entry.name: entry for entry in ENTRIES}
    for point in entry_points(group="imagewright.models"):
        entry = point.load()
        table.setdefault(entry.name, entry)
    return table


def list_models() -> list[Entry]:
    """The entries of all models: name, family, summary, paper and verbs. Does not import torch."""
    return list(entries().values())


def entry_of(name: str) -> Entry:
    """The entry of a model. Raises `UserError`, with the nearest name, for an unknown one."""
    table = entries()
    if not isinstance(name, str):
        raise UserError(f"A model is given by its name in the catalogue, such as 'vae', not as {type(name).__name__}.")
    if name not in table:
        raise UserError(f"There is no model {name!r}.{nearest_name(name, table)} The models: {', '.join(table)}.")
    return table[name]


def model_class(name: str) -> type[Model]:
    """The class of a model; imports its module. Raises `UserError` for an unknown name."""
    module, _, attribute = entry_of(name).target.partition(":")
    found: type[Model] = getattr(importlib.import_module(module), attribute)
    return found


def opener_of(name: str) -> Callable[..., OpenedSets] | None:
    """The function that opens a model's sources, `opener(images, opening, say, recorded=...)`; None for plain pictures.

    images, opening, say: as of `training.arranging.arrange`. recorded: the description of each source in the run that
    is resumed; None for a new one.
    """
    target = entry_of(name).opener
    if target is None:
        return None
    module, _, attribute = target.partition(":")
    found: Callable[..., OpenedSets] = getattr(importlib.import_module(module), attribute)
    return found


def name_of(model: object) -> str:
    """The catalogue's name of a model or of a model's class; the class's own name if it is not in the catalogue.

    A view has the name of the model whose networks it shows.
    """
    if not isinstance(model, type):
        from imagewright.views import View  # imports torch, as whoever has a model has done

        while isinstance(model, View):
            model = model.base
    found = model if isinstance(model, type) else type(model)
    target = f"{found.__module__}:{found.__qualname__}"
    return next((entry.name for entry in entries().values() if entry.target == target), found.__name__.lower())
