"""A look: what the page asks to see. It is resolved to a latent of a view of the run's model.

A look is a JSON object: `run`, `at`, `space`, `truncation`, `sample_from` choose the model's view; `start` is where it
begins, or `corners` and `point` a blend of four starts; `moves` are strengths by direction, `parts` values of codes,
classes and attributes, `shifts` of single latents in deviations; `mix` takes layers of another start. A start is
{"seed", "index", "label"}, {"saved", "number"} or {"held"}.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from imagewright import catalogue
from imagewright.capabilities import Decodes, LatentPart, latent_parts_of, require, verbs_of
from imagewright.errors import UserError
from imagewright.latent.editing.edit import clamp_to_prior
from imagewright.latent.layers import resolve_layers, to_layer_latents
from imagewright.latent.walks.paths import mix
from imagewright.latent.walks.scales import LatentScales, measure_latent_scales
from imagewright.output.provenance import ENHANCED, GENERATED
from imagewright.runs.provenance import run_record
from imagewright.studio.pages.steer.starts import Start, start_of, step_of
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.models import Loaded
from imagewright.studio.serving.page import Picture
from imagewright.studio.serving.studio import Studio
from imagewright.style_capabilities import in_layers
from imagewright.verbs.apply import decode_quickly
from imagewright.verbs.paths import default_interpolation
from imagewright.views import space_name, view_model

if TYPE_CHECKING:
    from torch import Tensor

    from imagewright.model import Model

Result = TypeVar("Result")
MOST_STRENGTH = 100.0  # deviations
MOST_VIEWS = 64  # kept of one model: each truncation is one
VIEWED_BY = ("space", "truncation", "sample_from")


@dataclass(frozen=True, eq=False)
class Look:
    """A look, resolved.

    view: the model that decodes the latents.
    latents: float32 (1, *latent_shape).
    label: what it starts from.
    settings: for a record, as JSON values.
    seed: if it starts from one sample.
    is_photo: whether a real picture is in it.
    """

    view: Model
    latents: Tensor
    label: str
    settings: dict[str, Any]
    seed: int | None = None
    is_photo: bool = False


def call_model(studio: Studio, asked: Asked, work: Callable[[Loaded], Result]) -> Result:
    """Work with the model of the run that was asked for, at its checkpoint `at`. Returns what `work` returns."""
    at = asked.whole("at") if "at" in asked else None
    return studio.models.call(asked.text("run"), work, images_seen=at)


def view_of(loaded: Loaded, asked: Asked) -> Model:
    """The view of the model that a look is seen in, kept between calls."""
    space, source = (asked.text(name) if name in asked else None for name in ("space", "sample_from"))
    truncation = asked.number("truncation", low=-10, high=10) if "truncation" in asked else None
    views = loaded.kept.setdefault("steer views", {})
    key = space, truncation, source
    if key not in views:
        if len(views) >= MOST_VIEWS:
            views.pop(next(iter(views)))
        views[key] = view_model(loaded.model, space=space, truncation=truncation, sample_from=source)
    found: Model = views[key]
    return found


def show_look(studio: Studio, asked: Asked) -> Picture:
    """The picture of a look."""

    def work(loaded: Loaded) -> Picture:
        return picture_of(loaded, resolve_look(studio, loaded, asked))

    return call_model(studio, asked, work)


def picture_of(loaded: Loaded, look: Look) -> Picture:
    """The picture of a resolved look, with its provenance, and how many milliseconds its decoding took."""
    begun = time.perf_counter()
    pixels = decode_quickly(look.view, look.latents)[0].permute(1, 2, 0).numpy()
    milliseconds = round(1000 * (time.perf_counter() - begun), 1)
    records = loaded.kept.setdefault("steer records", {})  # the run's record is not read for each picture
    key = id(look.view), look.is_photo
    if key not in records:
        if len(records) >= 2 * MOST_VIEWS:
            records.clear()
        kind = ENHANCED if look.is_photo else GENERATED
        records[key] = look.view, run_record("steer", look.view, source_type=kind)
    record = records[key][1]
    record = record | {"seed": look.seed, "settings": record["settings"] | look.settings}
    name = f"{loaded.run.path.name}-{look.label}"[:80].replace("/", "-")
    return Picture(pixels, record, name, {"label": look.label, "parts": _parts_of(look), "decoding": milliseconds})


def _parts_of(look: Look) -> dict[str, list[float]]:
    """The values of codes and attributes, which sliders show."""
    flat = look.latents.flatten()
    parts = [part for part in latent_parts_of(look.view) if not part.is_noise and part.kind != "category"]
    return {part.name: [round(each, 3) for each in flat[part.places].tolist()] for part in parts}


def resolve_look(studio: Studio, loaded: Loaded, asked: Asked) -> Look:
    """The latent of a look. Raises `UserError` for what the model does not have, and for one without latents."""
    view = view_of(loaded, asked)
    require(view, Decodes)
    parts = latent_parts_of(view)
    start, settings = _begin(studio, loaded, view, asked, parts)
    latents = start.latents
    moves = asked.part("moves")
    for name in moves.names():
        strength = moves.number(name, low=-MOST_STRENGTH, high=MOST_STRENGTH)
        if strength:
            latents = latents + strength * step_of(loaded, view, name)
            settings.setdefault("moves", {})[name] = strength
    flat = latents.flatten(1).clone()
    _shift(loaded, view, flat, asked, settings)
    _set_parts(flat, parts, asked, settings, view)
    latents = clamp_to_prior(view, flat.unflatten(1, latents.shape[1:]))
    if "mix" in asked:
        view, latents, other = _mix_layers(studio, loaded, view, latents, asked.part("mix"), settings)
        start = Start(latents, start.label, None, start.is_photo or other.is_photo)
    return Look(view, latents, start.label, settings, start.seed, start.is_photo)


def _begin(
    studio: Studio, loaded: Loaded, view: Model, asked: Asked, parts: tuple[LatentPart, ...]
) -> tuple[Start, dict[str, Any]]:
    """Where a look begins: one start, or a blend of four."""
    corners = asked.items("corners", most=4)
    if not corners:
        start = start_of(studio, loaded, view, asked.part("start"))
        return start, {"start": start.label}
    starts = [start_of(studio, loaded, view, Asked({"start": each}).part("start")) for each in corners]
    x, y = _point(asked)
    if len(starts) != 4:
        raise UserError("A blend has four corners.")
    weights = torch.tensor([[(1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x]])
    kept = loaded.kept.setdefault("steer interpolations", {})
    if space_name(view) not in kept:
        kept[space_name(view)] = default_interpolation(view)
    latents = mix(torch.cat([each.latents for each in starts]), weights, parts, kept[space_name(view)])
    labels = [each.label for each in starts]
    blend = Start(latents, "blend", None, any(each.is_photo for each in starts))
    return blend, {"corners": labels, "point": [round(x, 4), round(y, 4)]}


def _point(asked: Asked) -> tuple[float, float]:
    found = asked.numbers("point", most=2, limit=1)
    if len(found) != 2 or min(found) < 0:
        raise UserError("point is two numbers from 0 to 1.")
    return found[0], found[1]


def scales_of(loaded: Loaded, view: Model, latents: Tensor) -> LatentScales:
    """The deviations of the view's latents; of a model without a prior those of the numbers of one latent."""
    kept = loaded.kept.setdefault("steer scales", {})
    key = space_name(view)
    if key not in kept:
        if "sample" in verbs_of(view):
            kept[key] = measure_latent_scales(view, None, 0)
        else:
            flat = latents.flatten()
            kept[key] = LatentScales(flat, flat.square().mean().sqrt().clamp(min=1e-6).expand(len(flat)).clone())
    found: LatentScales = kept[key]
    return found


def _shift(loaded: Loaded, view: Model, flat: Tensor, asked: Asked, settings: dict[str, Any]) -> None:
    """Single latents, each by so many deviations, in place."""
    shifts = asked.part("shifts")
    for name in shifts.names():
        if not name.isdecimal() or int(name) >= flat.shape[1]:
            raise UserError(f"There is no latent {name[:20]!r}: there are {flat.shape[1]:,}, numbered from 0.")
        strength = shifts.number(name, low=-MOST_STRENGTH, high=MOST_STRENGTH)
        if strength:
            flat[:, int(name)] += strength * scales_of(loaded, view, flat).deviation[int(name)]
            settings.setdefault("latents", {})[name] = strength


def _set_parts(
    flat: Tensor, parts: tuple[LatentPart, ...], asked: Asked, settings: dict[str, Any], view: Model
) -> None:
    """Codes, classes and attributes, in place: a category by its number, others by their numbers."""
    values = asked.part("parts")
    known = {part.name: part for part in parts if not part.is_noise}
    for name in values.names():
        if name not in known:
            raise UserError(f"The latents of {catalogue.name_of(view)} have no {name[:40]!r}.")
        part = known[name]
        if part.kind == "category":
            chosen = values.whole(name, high=part.stop - part.start - 1)
            flat[:, part.places] = 0
            flat[:, part.start + chosen] = 1
            settings.setdefault("parts", {})[name] = chosen
            continue
        numbers = values.items(name, most=part.stop - part.start)
        for place, value in enumerate(numbers):
            if value is not None:  # as in the start
                flat[:, part.start + place] = Asked({name: value}).number(name, low=-MOST_STRENGTH, high=MOST_STRENGTH)
        settings.setdefault("parts", {})[name] = numbers


def _mix_layers(
    studio: Studio, loaded: Loaded, view: Model, latents: Tensor, asked: Asked, settings: dict[str, Any]
) -> tuple[Model, Tensor, Start]:
    """Latents with a style for each layer, some of them of another start."""
    chosen = resolve_layers(view, asked.texts("layers", most=64))
    other = start_of(studio, loaded, view, asked.part("start"))
    styles, others = to_layer_latents(view, latents), to_layer_latents(view, other.latents)
    styles[:, chosen] = others[:, chosen]
    settings["mix"] = {"start": other.label, "layers": chosen}
    views = loaded.kept.setdefault("steer layers", {})
    if view not in views:
        if len(views) >= MOST_VIEWS:
            views.clear()
        views[view] = in_layers(view)
    return views[view], styles, other
