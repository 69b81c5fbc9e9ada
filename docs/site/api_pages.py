"""A page for each room of the package with what its public names do, by mkdocstrings."""

from __future__ import annotations

import imagewright

FOLDER = "api"
ROOMS = {
    "images": "Pictures: opening, checking",
    "training": "Training",
    "runs": "Runs",
    "verbs": "Verbs: sample, encode, decode, reconstruct, score, classify, translate",
    "latent": "Latents: walks, directions, editing, projection",
    "analysis": "Analysis of a set of pictures",
    "metrics": "Metrics",
    "lessons": "Lessons",
    "tours": "The tour",
    "films": "Trainings as videos",
    "shape_files": "The set shapes as files",
    "exports": "Export",
    "hub": "The hub",
    "output": "Sheets, showing and saving, signing",
    "checkpoints": "Published checkpoints",
    "pretrained": "Weights of fixed networks",
    "faces": "Drawn heads",
    "face_crops": "Faces as crops",
    "face_swap": "Face swapping",
    "pairs": "Pairs",
    "shard_files": "Shards",
    "codecs": "JPEG",
    "catalogue": "The catalogue of models",
    "inspection": "What a file is",
    "studio": "The studio",
    "model_choice": "Which model to begin with",
    "shared_work": "Work shared by several processes",
    "errors": "Errors",
}


def rooms() -> dict[str, list[str]]:
    """The public names of each room, in the order of `ROOMS`. A room that is not there raises `KeyError`."""
    found: dict[str, list[str]] = {room: [] for room in ROOMS}
    for name, home in imagewright._HOME.items():
        found[home.split(".")[1]].append(name)
    return {room: names for room, names in found.items() if names}


def api_pages() -> dict[str, str]:
    """Every page by its path: `api/index.md`, and `api/ROOM.md`."""
    lines = ["# Python", "All names are reached by `import imagewright as iw`. By room:"]
    for room, names in rooms().items():
        links = ", ".join(f"[`{name}`]({room}.md#{imagewright._HOME[name]}.{name})" for name in names)
        lines.append(f"**[{ROOMS[room]}]({room}.md)**: {links}")
    pages = {f"{FOLDER}/index.md": "\n\n".join(lines) + "\n"}
    for room, names in rooms().items():
        parts = [f"# {ROOMS[room]}"]
        for name in names:
            options = f"    options:\n      heading: iw.{name}\n      toc_label: {name}\n"
            parts.append(f"::: {imagewright._HOME[name]}.{name}\n{options}")
        pages[f"{FOLDER}/{room}.md"] = "\n\n".join(parts) + "\n"
    return pages
