"""The training of a swap: its options from the model's schema, the consent of the people, and how it goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from anyio import to_thread

from imagewright import catalogue, configs
from imagewright.consent import SELF
from imagewright.errors import UserError
from imagewright.runs.lock import is_training
from imagewright.runs.places import SAMPLES
from imagewright.runs.run import TIME_OVER
from imagewright.studio.pages.consents import consent_option
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.library import NotThereError, id_of
from imagewright.studio.serving.studio import Studio
from imagewright.wording import in_page

POLL_SECONDS = 2.0
PEOPLE = {"source": "person put in", "target": "person replaced"}


def models(_: Studio, __: Asked) -> dict[str, Any]:
    """The models that swap faces, with those of their options that have a list of values."""
    return {"models": [{"name": name, "options": _options_of(name)} for name in swap_models()]}


@cache
def swap_models() -> tuple[str, ...]:
    """The names of the models that swap faces: they open sets of faces, and draw one person as another."""
    from imagewright.training_capabilities import swaps_identities

    opening = [entry.name for entry in catalogue.list_models() if entry.opener is not None]
    return tuple(name for name in opening if swaps_identities(catalogue.model_class(name)))


def _options_of(name: str) -> list[dict[str, Any]]:
    config_class: Any = catalogue.model_class(name).Config
    fields = config_class.__pydantic_fields__
    return [
        {
            "name": option,
            "choices": [str(each) for each in get_args(fields[option].annotation)],
            "help": fields[option].description,
        }
        for option in configs.options_of(config_class)
        if get_origin(fields[option].annotation) is Literal
    ]


def train(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Start a training on two face sets. Raises `UserError` without the consent of both people."""
    model = asked.choice("model", swap_models())
    sets = [studio.library.path_of(asked.text(who), "faces") for who in PEOPLE]
    if sets[0] == sets[1]:
        raise UserError("Both are the same set of faces: choose two people.")
    consents = consent_options(asked)
    out = studio.new_place("runs", asked.text("name", f"swap-{sets[0].name}-{sets[1].name}"[:70]))
    minutes = asked.number("minutes", 10, low=0.1, high=100_000)
    command: list[str | Path] = ["train", model, *sets, "--out", out, "--minutes", f"{minutes:g}", *consents]
    given, known = asked.part("options"), {option["name"]: option["choices"] for option in _options_of(model)}
    for name in given.names():
        if name not in known:
            raise UserError(f"There is no option {name[:80]!r} of {model} with a list of values.")
        command += [f"--{name.replace('_', '-')}", given.choice(name, known[name])]
    name = studio.library.name_of(out)
    about = {"page": "swap", "kind": "training", "run": id_of(name)}
    return studio.jobs.start(f"Train {name}", command, about).to_json()


def consent_options(asked: Asked) -> list[str]:
    """The options that say who agreed, as the command takes them: for each person "self", or who, by whom, and when.

    Raises `UserError` for a person without consent, and `ConfigError` for one that says too little.
    """
    given, options = asked.part("consent"), list[str]()
    for who, person in PEOPLE.items():
        entry = given.part(who)
        if entry.flag("own"):
            options += [] if "--self" in options else ["--self"]
            continue
        option = consent_option(entry, f"the {person}")
        if option is None:
            raise UserError(
                f"The consent of the {person} is missing: say whose face it is, who gave the consent and when, or that "
                "it is your own face."
            )
        options.append(option)
    return options


async def follow_training(studio: Studio, asked: Asked) -> AsyncGenerator[dict[str, Any], None]:
    """How a training goes, whenever that changes: progress, curves of likeness, findings, the last sheet."""
    key, before = asked.text("run"), None
    while True:
        now = await to_thread.run_sync(_state_of, studio, key)
        if now != before:
            before = now
            yield now
        await asyncio.sleep(POLL_SECONDS)


def _consent_line(consent: dict[str, Any]) -> str:
    if consent.get("who") == SELF:
        return "the face is the user's own"
    return f"{consent.get('who')}, by {consent.get('given_by')}"


def _state_of(studio: Studio, key: str) -> dict[str, Any]:
    """Of a run; `{"waits": True}` before its first file."""
    from imagewright.runs.report.history import TrainingHistory

    try:
        run = studio.library.run(key)
    except NotThereError:
        return {"waits": True}
    history = TrainingHistory.gather(run.reports())
    last = history.last or {}
    sheets = [path.stem for path in (run.path / SAMPLES).glob("*.png")]
    return {
        "name": studio.library.name_of(run.path),
        "images_seen": last.get("images_seen", 0),
        "seconds": last.get("seconds"),
        "planned": (run.record.get("plan") or {}).get("images_seen"),
        "training": is_training(run.path),
        "is_over": bool(last.get(TIME_OVER)),
        "checkpoints": len(run.checkpoints()),
        "sheet": max(sheets, default=None),
        "curves": {name: curve.points() for name, curve in history.derived.items()},
        "findings": [
            {name: in_page(str(each.get(name, ""))) for name in ("name", "evidence", "suggestion")}
            for each in history.findings().values()
        ],
        "consent": [_consent_line(each) for each in run.record.get("consent") or []],
    }
