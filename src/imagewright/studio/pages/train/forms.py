"""The form of a new training: what a model asks for, and a form that is filled from a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagewright import catalogue
from imagewright.distributed import choose_device
from imagewright.runs.run import Run
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.library import Library
from imagewright.studio.serving.studio import Studio
from imagewright.training.arranging import SourceSlot, reads_domains, reads_pairs, source_slots
from imagewright.training.branching import NEVER_TAKEN_OVER
from imagewright.training.doctor.remedies import stored_remedy
from imagewright.training.image_options import OF_IMAGES
from imagewright.training.option_list import Option, list_options
from imagewright.training.suggestions import usual_suggestions
from imagewright.wording import in_page

# What somebody decides before anything else; all other options wait in a fold.
ESSENTIAL = ("minutes", "size", "flip")
CHOICES = {
    "channels": ("1", "3", "4"),
    "crop": ("centre", "random", "none"),
    "direction": ("AtoB", "BtoA"),
    "flip": ("yes", "no"),
}
LABELS = {"start": "Start from", "flip": "Mirror images"}
OF_PLAIN_PICTURES = ("image_layers", "layer_kinds", "label_column", "attributes", "split", "domains")


def form(_: Studio, asked: Asked) -> dict[str, Any]:
    """What a model asks for: its sources, its options by group, and whether people have to consent."""
    name = asked.choice("model", catalogue.entries())
    entry, config = catalogue.entry_of(name), catalogue.model_class(name).Config
    options = [*image_options(name), *list_options(name)]
    suggested = usual_suggestions(name, accelerator=choose_device("auto").type != "cpu")
    return {
        "model": name,
        "summary": entry.summary,
        "paper": entry.paper,
        "verbs": list(entry.verbs),
        "needs": entry.needs,
        "needs_consent": config.needs_consent,
        "slots": [_slot(slot) for slot in source_slots(config)],
        "is_fitted": catalogue.model_class(name).is_closed_form(),
        "essential": [each for each in ESSENTIAL if any(option.name == each for option in options)],
        "options": [_shown(option, suggested) for option in options],
    }


def _slot(slot: SourceSlot) -> dict[str, Any]:
    described = None if slot.description is None else in_page(slot.description)
    return {"name": slot.name, "description": described, "is_optional": slot.is_optional}


def _shown(option: Option, suggested: Mapping[str, Any]) -> dict[str, Any]:
    """An option as a form shows it. One that the model suggests has no default: what is not chosen is not sent, and the
    training takes its suggestion, which is "recommended" here if it is the same for all usual pictures.
    """
    found = dataclasses.asdict(option) | {"description": in_page(option.description)}
    found |= {"label": LABELS.get(option.name), "recommended": None}
    if option.name in suggested:
        found |= {"default": None, "is_optional": True, "recommended": suggested[option.name]}
    return found


def image_options(model: str) -> list[Option]:
    """The options that say how pictures are read, of those that a form has."""
    config = catalogue.model_class(model).Config
    impossible = set(OF_PLAIN_PICTURES) if config.source_help else set()
    impossible |= set() if reads_pairs(config) else {"direction"}
    impossible |= set() if reads_domains(config) else {"domains"}
    return [
        Option(
            name,
            None,
            description,
            "pictures",
            kind="choice" if name in CHOICES else "text",
            choices=CHOICES.get(name, ()),
            is_optional=True,
        )
        for name, description in OF_IMAGES.items()
        if name not in impossible
    ]


def again(studio: Studio, asked: Asked) -> dict[str, Any]:
    """A form filled as a run was trained; with the remedy of one of its findings, or from one of its checkpoints."""
    key = asked.text("run")
    run = studio.library.run(key)
    options = given_options(run)
    finding = asked.text("finding", "")
    last = run.last_report() or {}
    for found in last.get("findings") or []:
        if finding and found.get("name") == finding:
            changed = stored_remedy(found).options
            options |= {name: "yes" if name == "flip" and value else value for name, value in changed.items()}
            if "images_seen" in changed:
                options.pop("minutes", None)
    if "at" in asked:
        options["start"] = {"run": key, "at": asked.whole("at")}
    return {
        "model": run.model,
        "sources": recorded_sources(studio.library, run),
        "options": options,
        "name": f"{run.path.name}-2",
    }


def given_options(run: Run) -> dict[str, Any]:
    """The options of a run that are not what a form starts from, with the size, as a form has them."""
    chosen = {**(run.record.get("options") or {}), **run.record["config"]}
    suggested = usual_suggestions(run.model, accelerator=choose_device("auto").type != "cpu")
    found = {}
    for option in list_options(run.model):
        value = chosen.get(option.name, option.default)
        is_default = value is None or (value == option.default and option.name not in suggested)
        if option.kind not in ("run", "source") and option.name not in NEVER_TAKEN_OVER and not is_default:
            found[option.name] = value
    if found.get("minutes") is not None:
        found.pop("images_seen", None)  # which followed from the minutes
    height, width = run.record["config"]["size"]
    found["size"] = str(width) if height == width else f"{width}x{height}"
    source = run.record.get("source") or {}
    return found | ({"flip": "yes"} if source.get("flip") else {})


def recorded_sources(library: Library, run: Run) -> dict[str, str | None]:
    """The sources of a run by the name of the slot: ids, None for one that is not in the studio's folder."""
    slots = [slot.name for slot in source_slots(catalogue.model_class(run.model).Config)]
    recorded = run.record.get("sources") or {"images": run.record.get("source") or {}}
    known = {each.name if each.path is None else str(each.path): each.id for each in library.sources()}
    found: dict[str, str | None] = {}
    for slot, source in zip(slots, recorded.values(), strict=False):
        name = str(source.get("source", ""))
        whole = name if name in known else str((library.folder / Path(name).expanduser()).resolve())
        found[slot] = known.get(whole)
    if len(recorded) > 1 and len(set(found.values())) == 1:  # one source that holds both
        found = {slots[0]: found[slots[0]]}
    return found
