"""Latents that are found: of a dropped photo, by dragging points, and the order of single latents."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from imagewright.capabilities import Decodes, latent_parts_of, require
from imagewright.errors import UserError
from imagewright.images.single import HeldPicture, read_pictures
from imagewright.latent.dragging.drag import DragStep, drag
from imagewright.latent.projection.project import Projection, decibels, project
from imagewright.latent.walks.scales import candidate_dimensions, label_of, measure_changes
from imagewright.studio.pages.steer.background import Tell, told_work
from imagewright.studio.pages.steer.looks import call_model, resolve_look, scales_of, view_of
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.latent_shelf import HeldLatents
from imagewright.studio.serving.models import Loaded
from imagewright.studio.serving.page import Picture
from imagewright.studio.serving.studio import Studio
from imagewright.verbs.apply import decode_quickly, encode, sample_latents
from imagewright.views import space_name
from imagewright.wording import in_page

if TYPE_CHECKING:
    from torch import Tensor

    from imagewright.model import Model

SETTINGS: dict[str, Any] = {"starts": 4, "candidates": 256, "perceptual": 0.3}  # of a projection
STEPS = 150
RANKED = 512  # single latents that are offered
RANKED_AT_ONCE = 2  # sliders get their turn between
TOLD_EVERY = 8  # latents
DRAG_STEPS = 200  # at most: a drag ends when the points arrive


def encode_photo(studio: Studio, asked: Asked) -> dict[str, Any]:
    """The latents of an uploaded or shown picture by the model's encoder, and how near they come."""

    def work(loaded: Loaded) -> dict[str, Any]:
        view = view_of(loaded, asked)
        picture, label, notes = _picture(studio, view, asked)
        latents = encode(view, picture)
        decoded = decode_quickly(view, latents)[0]
        ticket = studio.latents.put(HeldLatents(asked.text("run"), space_name(view), latents, label, is_photo=True))
        return {"held": ticket, "label": label, "psnr": decibels(picture[0], decoded), "notes": notes}

    return call_model(studio, asked, work)


def project_photo(studio: Studio, asked: Asked) -> AsyncGenerator[dict[str, Any], None]:
    """The latents of a picture by optimisation: the nearest picture so far, and at the end the latents."""

    def begin(tell: Tell, stopped: threading.Event) -> None:
        def work(loaded: Loaded) -> None:
            view = view_of(loaded, asked)
            picture, label, notes = _picture(studio, view, asked)

            def watch(done: int, total: int, nearest: Tensor) -> bool:
                ticket = studio.shelf.put(Picture(_shown(nearest), None, label))
                tell({"done": done, "total": total, "picture": ticket, "psnr": decibels(picture[0], nearest)})
                return not stopped.is_set()

            tell({"done": 0, "total": STEPS, "stage": "chooses where to begin"})
            found: Projection = project(view, picture, steps=STEPS, watch=watch, **SETTINGS)
            held = HeldLatents(asked.text("run"), space_name(view), found.latents, label, is_photo=True)
            error = {"psnr": float(found.errors.psnr), "rmse": float(found.errors.rmse)}
            tell(
                {
                    "held": studio.latents.put(held),
                    "label": label,
                    "notes": [*notes, *map(in_page, found.notes)],
                    **error,
                }
            )

        call_model(studio, asked, work)

    return told_work(begin)


def drag_points(studio: Studio, asked: Asked) -> AsyncGenerator[dict[str, Any], None]:
    """Drag points of a look: the picture and the points after each step, and at the end the latents."""

    def begin(tell: Tell, stopped: threading.Event) -> None:
        def work(loaded: Loaded) -> None:
            look = resolve_look(studio, loaded, asked.part("look"))

            def put(state: DragStep, *, hold: bool = False) -> None:
                told = {"done": state.step, "total": state.steps, "points": state.points.tolist()}
                told["left"] = float(state.distances.max())
                told["picture"] = studio.shelf.put(Picture(_shown(state.picture), None, look.label))
                if hold:
                    label = look.label if look.label.endswith("dragged") else f"{look.label}, dragged"
                    space = space_name(look.view)
                    held = HeldLatents(asked.part("look").text("run"), space, state.latents, label, look.is_photo)
                    told |= {"held": studio.latents.put(held), "label": label, "space": space}
                tell(told)

            last: list[DragStep] = []

            def watch(state: DragStep) -> bool:
                last[:] = [state]
                if state.step % 2:
                    put(state)
                return not stopped.is_set()

            around = asked.number("around", low=1, high=1e5) if "around" in asked else None
            drag(look.view, None, _moves(asked), latents=look.latents, steps=DRAG_STEPS, around=around, watch=watch)
            put(last[0], hold=True)

        call_model(studio, asked.part("look"), work)

    return told_work(begin)


def _moves(asked: Asked) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    numbers = [Asked({"move": each}).numbers("move", most=4) for each in asked.items("moves", most=16)]
    if not numbers or any(len(each) != 4 for each in numbers):
        raise UserError("moves is a list of [from x, from y, to x, to y], in pixels.")
    return [((each[0], each[1]), (each[2], each[3])) for each in numbers]


def rank_latents(studio: Studio, asked: Asked) -> AsyncGenerator[dict[str, Any], None]:
    """The single latents by how much they change the picture of a look: the order so far, until all are measured."""

    def begin(tell: Tell, stopped: threading.Event) -> None:
        def first(loaded: Loaded) -> tuple[Any, Tensor, list[int], dict[int, str]]:
            look = resolve_look(studio, loaded, asked)
            view = view_of(loaded, asked)
            scales = scales_of(loaded, view, look.latents)
            dimensions = candidate_dimensions(view, scales, RANKED)
            parts = latent_parts_of(view)
            base = look.latents.flatten(1) if look.view is view else _sample(view)
            return scales, base, dimensions, {each: label_of(parts, each) for each in dimensions}

        def measure(some: list[int]) -> list[float]:
            def work(loaded: Loaded) -> list[float]:
                return measure_changes(view_of(loaded, asked), scales, base, some, decode_quickly)

            return call_model(studio, asked, work)

        scales, base, dimensions, labels = call_model(studio, asked, first)
        changes: list[tuple[float, int]] = []
        for place in range(0, len(dimensions), RANKED_AT_ONCE):
            if stopped.is_set():
                return
            some = dimensions[place : place + RANKED_AT_ONCE]
            changes += zip(measure(some), some, strict=True)
            if len(changes) % TOLD_EVERY and len(changes) < len(dimensions):
                continue
            order = sorted(changes, key=lambda each: -each[0])
            ranked = [{"number": each, "label": labels[each], "change": change} for change, each in order]
            tell({"done": len(changes), "total": len(dimensions), "latents": ranked})

    return told_work(begin)


def _sample(view: Model) -> Tensor:
    return sample_latents(view, 1).flatten(1)


def _picture(studio: Studio, view: Model, asked: Asked) -> tuple[Tensor, str, list[str]]:
    """The picture of a ticket at the model's size, uint8 (1, C, H, W), its name, and notes."""
    require(view, Decodes)
    found = studio.shelf.get(asked.text("ticket"))
    pictures, notes = read_pictures([HeldPicture(found.name, found.pixels)], view.config.size, view.config.channels)
    return pictures, found.name, notes


def _shown(picture: Tensor) -> Any:
    return picture.permute(1, 2, 0).contiguous().numpy()
