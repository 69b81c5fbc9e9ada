"""Starts of looks: samples, latents saved in the run, and latents that the page has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagewright import catalogue
from imagewright.capabilities import samples_classes, verbs_of
from imagewright.errors import UserError
from imagewright.latent import store
from imagewright.latent.editing.edit import load_step
from imagewright.latent.layers import to_layer_latents
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.models import Loaded
from imagewright.studio.serving.studio import Studio
from imagewright.style_capabilities import has_style_layers
from imagewright.verbs.points import Point
from imagewright.views import space_name, view_model

if TYPE_CHECKING:
    from torch import Tensor

    from imagewright.model import Model

MOST_KEPT = 500  # saved latents and directions


@dataclass(frozen=True, eq=False)
class Start:
    """The latents of a start: float32 (1, *latent_shape), what it is called, its seed, and whether it is a photo."""

    latents: Tensor
    label: str
    seed: int | None = None
    is_photo: bool = False


def start_of(studio: Studio, loaded: Loaded, view: Model, asked: Asked) -> Start:
    """The latents of a start, in the space of the view."""
    if "held" in asked:
        held = studio.latents.get(asked.text("held"))
        return Start(_in_space(loaded, view, held.latents, held.space), held.label, None, held.is_photo)
    if "saved" in asked:
        name, number = asked.text("saved"), asked.whole("number", 0)
        saved, space, labels = _saved(loaded, view, name)
        if number >= len(saved):
            raise UserError(f"{name} holds {len(saved)} latents, and none of number {number}.")
        return Start(_in_space(loaded, view, saved[number][None], space), labels[number])
    seed, index = asked.whole("seed", 0), asked.whole("index", 0)
    if "sample" not in verbs_of(view):
        raise UserError(
            f"{catalogue.name_of(view)} makes no pictures of its own: drop one to start with, or take a saved one."
        )
    label = asked.text("label") if "label" in asked and samples_classes(view) else None
    point = Point(seed, index, label)
    return Start(point.latent(view), f"seed {seed}" if index == 0 and label is None else str(point), seed)


def _saved(loaded: Loaded, view: Model, name: str) -> tuple[Tensor, str | None, list[str]]:
    """Saved latents of a run, their space, and their names; kept until the file changes."""
    path = loaded.run.path / store.FOLDER / f"{name}{store.SUFFIX}"
    if not store.NAME.fullmatch(name):
        raise UserError(f"There are no latents {name[:40]!r} in this run.")
    key = "saved", name, path.stat().st_mtime_ns if path.exists() else 0
    kept = _kept(loaded)
    if key not in kept:
        space = store.space_of(loaded.run, name)
        inside = view_model(loaded.model, space=space) if space is not None else loaded.model
        saved = store.load(loaded.run, inside, name, "latents")
        latents = saved.tensors["latents"]
        names = [str(each) for each in saved.record.get("names") or []]
        labels = names if len(names) == len(latents) else [name] * len(latents)
        kept[key] = latents, space, labels if len(set(labels)) > 1 else [name] * len(latents)
    found: tuple[Tensor, str | None, list[str]] = kept[key]
    return found


def step_of(loaded: Loaded, view: Model, name: str) -> Tensor:
    """One deviation along a saved direction; kept until the file changes."""
    path = loaded.run.path / store.FOLDER / f"{name}{store.SUFFIX}"
    if not store.NAME.fullmatch(name):
        raise UserError(f"There is no direction {name[:40]!r} in this run.")
    key = "step", name, space_name(view), path.stat().st_mtime_ns if path.exists() else 0
    kept = _kept(loaded)
    if key not in kept:
        kept[key] = load_step(loaded.run, view, name)[0]
    step: Tensor = kept[key]
    return step


def _kept(loaded: Loaded) -> dict[Any, Any]:
    kept: dict[Any, Any] = loaded.kept.setdefault("steer saved", {})
    if len(kept) > MOST_KEPT:
        kept.clear()
    return kept


def _in_space(loaded: Loaded, view: Model, latents: Tensor, space: str | None) -> Tensor:
    """Latents of one space in that of the view. Raises `UserError` if they cannot be brought there."""
    if space == space_name(view) or space is None:
        return latents
    if has_style_layers(view) and space_name(view) == view.layer_space:
        return to_layer_latents(view_model(loaded.model, space=space), latents)
    raise UserError(
        f"This start is of the latent space {space}, and {space_name(view)} is shown: choose the space {space}, or w+."
    )
