"""What a run's model offers to steer by: read from its verbs and capabilities, never from its name."""

from __future__ import annotations

from typing import Any

from imagewright.capabilities import (
    Decodes,
    HasSpaces,
    Truncates,
    latent_parts_of,
    require,
    sampled_classes,
    samples_classes,
    samples_from,
    verbs_of,
)
from imagewright.latent.listing import list_latents
from imagewright.model import Model
from imagewright.studio.pages.steer.looks import call_model, view_of
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.models import Loaded
from imagewright.studio.serving.studio import Studio
from imagewright.style_capabilities import count_layers, has_style_layers, layer_groups
from imagewright.views import space_name, view_model

MOST_NAMES = 1_000  # classes of one list


def offers(studio: Studio, asked: Asked) -> dict[str, Any]:
    """What the model of a run offers in one of its views; by default in the space of one style, if it has such styles.

    There directions are found and truncation is defined; a seed is the same picture in it.
    """

    def work(loaded: Loaded) -> dict[str, Any]:
        view = view_of(loaded, asked)
        require(view, Decodes)
        if has_style_layers(view) and "space" not in asked:
            view = view_model(view, space=view.style_space)
        return {
            "run": loaded.run.path.name,
            "model": loaded.run.model,
            "size": list(view.config.size),
            "images_seen": loaded.model.origin.images_seen if loaded.model.origin else None,
            "checkpoints": [each.images_seen for each in loaded.run.checkpoints()],
            "samples": "sample" in verbs_of(view),
            "encodes": "encode" in verbs_of(view),
            "space": space_name(view),
            **_views(loaded.model),
            **_conditions(view),
            **_saved(loaded, view),
        }

    return call_model(studio, asked, work)


def _views(model: Model) -> dict[str, Any]:
    layers = layer_groups(count_layers(model)) if has_style_layers(model) else {}
    return {
        "spaces": list(model.spaces) if isinstance(model, HasSpaces) else [],
        "truncates": isinstance(model, Truncates),
        "sources": list(model.latent_sources) if samples_from(model) else [],
        "layers": {name: f"{group[0]}-{group[-1]}" for name, group in layers.items() if group},
    }


def _conditions(view: Any) -> dict[str, Any]:
    """Classes that samples may be of, parts of the latents that have a meaning, and how many others there are."""
    parts, names = [], list(getattr(view, "class_names", ()))
    held = False  # the class is in the latents, and is changed there
    for part in latent_parts_of(view):
        if part.is_noise:
            continue
        count = part.stop - part.start
        labels: list[str] = []
        if part.kind == "attributes":
            labels = list(getattr(view, "attribute_names", ()))
        elif part.kind == "category":
            held = held or count == len(names)
            labels = names
        labels = labels if len(labels) == count else []
        parts.append({"name": part.name, "kind": part.kind, "count": count, "code": part.code, "labels": labels})
    classes = sampled_classes(view)[:MOST_NAMES] if samples_classes(view) and not held else []
    noise = sum(part.stop - part.start for part in latent_parts_of(view) if part.is_noise)
    return {"parts": parts, "classes": classes, "dimensions": noise}


def _saved(loaded: Loaded, view: Model) -> dict[str, Any]:
    """Directions that fit the view, and latents, by name."""
    in_view = {space_name(view), None}
    if has_style_layers(view) and space_name(view) == view.layer_space:
        in_view.add(view.style_space)
    entries = list_latents(loaded.run, model=view_model(loaded.model)).entries
    found: dict[str, Any] = {"directions": [], "latents": [], "elsewhere": []}
    for entry in entries:
        if entry.kind == "direction":
            space = _space_of(loaded, entry.name)
            shown = {"name": entry.name, "found": entry.found, "usable": entry.usable, "space": space}
            found["directions" if space in in_view else "elsewhere"].append(shown)
        elif entry.kind == "latents":
            found["latents"].append({"name": entry.name, "count": entry.count, "found": entry.found})
    return found


def _space_of(loaded: Loaded, name: str) -> str | None:
    from imagewright.latent import store

    return store.space_of(loaded.run, name)
