"""Starting a training, its plan, or going on with one: each a job of the command line."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from imagewright import catalogue
from imagewright.errors import UserError
from imagewright.json_files import JsonError, parse_json
from imagewright.pretrained.features.contract import runs_code
from imagewright.runs.points import point_name
from imagewright.runs.run import Run
from imagewright.runs.weights import checkpoint_at
from imagewright.studio.pages.consents import consent_option
from imagewright.studio.pages.train.forms import image_options, recorded_sources
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.jobs import Job
from imagewright.studio.serving.library import NotThereError, id_of
from imagewright.studio.serving.studio import OWN_FOLDER, Studio
from imagewright.training.arranging import source_slots
from imagewright.training.option_list import Option, check_options, list_options
from imagewright.wording import in_page

SIZE = re.compile(r"[1-9]\d{0,5}(x[1-9]\d{0,5})?")
PLANS = "plans"
FLAGS = {"yes": True, "no": False}


def start(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Start a training. Returns its job and the id of its run."""
    words, named = _command(studio, asked, needs_consent=True)
    model = words[1]
    place = studio.new_place("runs", asked.text("name", "", most=80) or f"{model}-{named}")
    name = studio.library.name_of(place)
    about = {"run": id_of(name), "place": name, "model": model}
    job = studio.jobs.start(f"Training of {place.name}", [*words, f"--out={place}"], about)
    studio.library.refresh()
    return {"job": job.to_json(), "run": id_of(name)}


def plan(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Measure what a training would be. Returns the job, whose plan `read_plan` then reads."""
    words, named = _command(studio, asked, needs_consent=False)
    folder = studio.folder / OWN_FOLDER / PLANS
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)[:-50]:
        old.unlink(missing_ok=True)
    key = secrets.token_hex(8)
    words.append(f"--plan-file={folder / key}.json")
    job = studio.jobs.start(f"Plan of {words[1]} on {named}", words, {"plan": key})
    return {"job": job.to_json()}


def read_plan(studio: Studio, asked: Asked) -> dict[str, Any]:
    """The plan that a job has made."""
    job = studio.jobs.get(asked.text("job"))
    path = studio.folder / OWN_FOLDER / PLANS / f"{job.about.get('plan')}.json"
    try:
        found = parse_json(path.read_bytes())
    except (OSError, JsonError):
        raise NotThereError("This plan is no longer kept: make it once more.") from None
    notes = [in_page(str(note)) for note in found.get("notes") or []]
    return dict(found) | {"notes": notes}


def resume(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Go on with a run, to another length if one is given."""
    key = asked.text("run")
    run = studio.library.run(key)
    if any(job.state == "running" for job in jobs_of(studio, key)):
        raise UserError("This training runs already.")
    words = [*_earlier_command(studio, key, run), "--resume"]
    if "images_seen" in asked:
        words = [word for word in words if not word.startswith(("--minutes=", "--images-seen="))]
        words.append(f"--images-seen={asked.whole('images_seen', low=1, high=10**12)}")
    about = {"run": key, "place": studio.library.name_of(run.path), "model": run.model}
    return {"job": studio.jobs.start(f"Training of {run.path.name}", words, about).to_json(), "run": key}


def jobs_of(studio: Studio, run: str) -> list[Job]:
    """The jobs that train or trained a run, the newest first."""
    return [job for job in studio.jobs.all() if job.trained_run == run]


def _earlier_command(studio: Studio, key: str, run: Run) -> list[str]:
    """The command that a run was started by, from here; of another run, one with what its record says."""
    for job in jobs_of(studio, key):
        if _is_training_of(job.command, run):
            return [word for word in job.command if word != "--resume"]
    found = recorded_sources(studio.library, run)
    if None in found.values():
        raise UserError(
            "The pictures of this run are not in the studio's folder: go on where it was started, in a terminal "
            f"(`imagewright train {run.model} PICTURES --out {run.path.name} --resume`)."
        )
    places = [studio.library.source(each).source for each in found.values() if each is not None]
    return ["train", run.model, *places, f"--out={run.path}"]


def _is_training_of(command: Sequence[str], run: Run) -> bool:
    """Whether a recorded command does no more than train this run. The folder may come from others, and then its record
    could name another command, a file to be written, or code to be run.
    """
    known = {option.name.replace("_", "-") for option in [*image_options(run.model), *list_options(run.model)]}
    known |= {"from", "out", "self", "consent", "resume", "no-flip"}
    options = [word[2:].split("=")[0] for word in command if word.startswith("-")]
    values = [part for word in command for part in (word, word.partition("=")[2])]
    is_plain = all(each in known for each in options) and not any(runs_code(each) for each in values)
    places = [Path(word.removeprefix("--out=")) for word in command if word.startswith("--out=")]
    places += [Path(after) for word, after in pairwise(command) if word == "--out"]
    return list(command[:2]) == ["train", run.model] and is_plain and places == [run.path]


def _command(studio: Studio, asked: Asked, *, needs_consent: bool) -> tuple[list[str], str]:
    """The words of a training without its place, and a name for what it learns from."""
    model = asked.choice("model", catalogue.entries())
    config = catalogue.model_class(model).Config
    sources, given = [], asked.part("sources")
    for slot in source_slots(config):
        if given.text(slot.name, ""):
            sources.append(studio.library.source(given.text(slot.name)))
        elif not slot.is_optional:
            raise UserError("Choose the pictures that it learns from.")
    words = ["train", model, *(each.source for each in sources)]
    words += _words(studio, model, asked.part("options"))
    if config.needs_consent:
        words += _consent(asked.part("consent"), is_needed=needs_consent)
    return words, Path(sources[0].name).stem or studio.folder.name or "pictures"


def _words(studio: Studio, model: str, asked: Asked) -> list[str]:
    """Options as words of the command line. Raises `UserError`, which names each wrong one."""
    options = {option.name: option for option in [*image_options(model), *list_options(model)]}
    plain = {name: asked.raw(name) for name in asked.names() if name in asked and asked.raw(name) != ""}
    for name in [each for each in plain if each in options and options[each].kind in ("run", "source")]:
        plain[name] = _place(studio, plain[name])
    checked = {name: value for name, value in plain.items() if options.get(name) is None or _of_training(options[name])}
    wrong = check_options(model, checked)
    if "size" in plain and not SIZE.fullmatch(str(plain["size"])):
        wrong["size"] = "It must be a side in pixels such as 64, or WIDTHxHEIGHT such as 96x64."
    if runs_code(str(plain.get("evaluate_features", ""))):
        wrong["evaluate_features"] = "Features that are code can be named on the command line alone."
    if "minutes" in plain and "images_seen" in plain:
        wrong["minutes"] = "Give the length in minutes or in images seen, not both."
    if wrong:
        raise UserError(" ".join(f"{name.replace('_', ' ')}: {said}" for name, said in wrong.items()))
    return [_word(options[name], value) for name, value in plain.items()]


def _of_training(option: Option) -> bool:
    return option.of != "pictures"


def _word(option: Option, value: Any) -> str:
    name = "--from" if option.name == "start" else f"--{option.name.replace('_', '-')}"
    chosen = FLAGS.get(value) if option.name == "flip" else value
    if isinstance(chosen, bool):
        return name if chosen else f"--no-{option.name}" if option.name == "flip" else f"{name}=false"
    return f"{name}={value}"


def _place(studio: Studio, value: Any) -> str:
    """The path of a run, of one of its checkpoints, or of a source, by id; another text as it is."""
    if isinstance(value, dict):
        asked = Asked(value)
        if "source" in asked:
            return studio.library.source(asked.text("source")).source
        path = studio.library.path_of(asked.text("run"), "run")
        if "at" not in asked:
            return str(path)
        seen = asked.whole("at")
        if not checkpoint_at(path, seen).weights.is_file():
            raise NotThereError("This checkpoint is no longer kept: choose another one, or the run itself.")
        return point_name(path, seen)
    text = str(value)
    if not text.replace("_", "").replace("-", "").isalnum():  # a name, never a path
        raise UserError("A run of this folder, or a name, was expected.")
    return text


def _consent(asked: Asked, *, is_needed: bool) -> list[str]:
    if asked.flag("self"):
        return ["--self"]
    if not is_needed:  # a plan keeps nothing of a face
        return []
    people = [Asked({"person": each}).part("person") for each in asked.items("people", most=20)]
    options = [consent_option(each, f"person {number}") for number, each in enumerate(people, 1)]
    found = [each for each in options if each is not None]
    if not found:
        raise UserError(
            "This model learns people's faces: say who they are, who gave the consent and when, or that the faces are "
            "yours."
        )
    return found
