"""What outlives the page: saved latents, recorded walks, and directions that are searched for."""

from __future__ import annotations

import secrets
from typing import Any

import torch

from imagewright.errors import UserError
from imagewright.latent import store
from imagewright.studio.pages.steer.looks import VIEWED_BY, call_model, resolve_look
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.latent_shelf import HeldLatents
from imagewright.studio.serving.made import start_making
from imagewright.studio.serving.models import Loaded
from imagewright.studio.serving.studio import OWN_FOLDER, Studio
from imagewright.views import space_name

WALKS = "walks"  # the folder of recorded walks
FORMS = ("mp4", "webp")
MOST_WAY_POINTS = 100
DIRECTIONS = 6  # that are searched for at once


def save_look(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Save the latents of a look in the run under a name. Returns the name, and the latent space that it is in."""
    name = asked.text("name", most=80).strip()
    look_asked = asked.part("look")

    def work(loaded: Loaded) -> dict[str, Any]:
        if store.NAME.fullmatch(name) and name in store.names_of(loaded.run):
            raise UserError(f"{name} is saved in this run already: choose another name.")
        look = resolve_look(studio, loaded, look_asked)
        record = {"names": [name], "found": f"the studio, from {look.label}", "look": look.settings}
        store.save(loaded.run, look.view, name, "latents", {"latents": look.latents.clone()}, record)
        return {"name": name, "space": space_name(look.view)}

    return call_model(studio, look_asked, work)


def hold_look(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Keep the latents of a look for as long as the studio runs: a start, such as a corner of a blend."""
    look_asked = asked.part("look")

    def work(loaded: Loaded) -> dict[str, Any]:
        look = resolve_look(studio, loaded, look_asked)
        held = HeldLatents(look_asked.text("run"), space_name(look.view), look.latents, look.label, look.is_photo)
        return {"held": studio.latents.put(held), "label": look.label, "space": held.space}

    return call_model(studio, look_asked, work)


def record_walk(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Start a job that writes a video of a walk through looks and back to the first. Returns the job."""
    looks = [Asked({"look": each}).part("look") for each in asked.items("looks", most=MOST_WAY_POINTS)]
    form, seconds = asked.choice("form", FORMS), asked.number("seconds", 8, low=1, high=600)
    if len(looks) < 2:
        raise UserError("A walk goes through two looks or more: keep another one first.")

    def work(loaded: Loaded) -> tuple[Any, int | None, str]:
        resolved = [resolve_look(studio, loaded, each) for each in looks]
        if len({space_name(each.view) for each in resolved}) > 1:
            raise UserError("These looks are of several latent spaces: a walk goes through looks of one of them.")
        place = studio.folder / OWN_FOLDER / "latents"
        place.mkdir(parents=True, mode=0o700, exist_ok=True)
        path = place / f"walk-{secrets.token_hex(6)}{store.SUFFIX}"
        record = {"names": [each.label for each in resolved], "found": "the studio: a walk"}
        view = resolved[0].view
        store.write_file(path, view, "latents", {"latents": torch.cat([each.latents for each in resolved])}, record)
        origin = loaded.model.origin
        return path, origin.images_seen if origin else None, space_name(view) or ""

    path, seen, space = call_model(studio, looks[0], work)
    run = studio.library.path_of(looks[0].text("run"), "run")
    out = studio.new_place(WALKS, run.name[:70], f".{form}")
    command: list[Any] = ["latent", "video", run, "--out", out, "--between", path, "--seconds", f"{seconds:g}"]
    command += [] if seen is None else ["--at", seen]
    command += _view_options(looks[0], space)
    return {"job": start_making(studio, f"Walk of {run.name}", command, [out]).id, "name": f"{WALKS}/{out.name}"}


def _view_options(asked: Asked, space: str) -> list[str]:
    options = {name: asked.raw(name) for name in VIEWED_BY if name in asked} | ({"space": space} if space else {})
    return [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def find_directions(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Start a job that searches directions without labels, and saves them in the run. Returns the job."""

    def work(loaded: Loaded) -> tuple[list[str], int | None]:
        taken, number = set(store.names_of(loaded.run)), 1
        names: list[str] = []
        while len(names) < DIRECTIONS:
            if f"varies-{number}" not in taken:
                names.append(f"varies-{number}")
            number += 1
        return names, loaded.model.origin.images_seen if loaded.model.origin else None

    names, seen = call_model(studio, asked, work)
    run = studio.library.path_of(asked.text("run"), "run")
    place = studio.folder / OWN_FOLDER / "directions"
    place.mkdir(parents=True, mode=0o700, exist_ok=True)
    command: list[Any] = [
        "latent",
        "directions",
        run,
        "--count",
        str(DIRECTIONS),
        "--out",
        place / f"{secrets.token_hex(6)}.png",
    ]
    command += ["--save", *(f"{number}={name}" for number, name in enumerate(names))]
    command += [] if seen is None else ["--at", seen]
    command += _view_options(asked, "")
    return {"job": studio.jobs.start(f"Directions of {run.name}", command).id, "names": names}
