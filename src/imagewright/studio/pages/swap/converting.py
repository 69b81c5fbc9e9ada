"""Footage converted by a swap: the work, its results, and what measuring them gave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagewright.errors import UserError
from imagewright.json_files import JsonError, parse_json
from imagewright.regular_files import read_regular
from imagewright.studio.pages.swap.faces import references
from imagewright.studio.pages.swap.trying import WHOM, options_of
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.jobs import Job
from imagewright.studio.serving.library import NotThereError, id_of
from imagewright.studio.serving.made import made_file, start_making
from imagewright.studio.serving.studio import Studio

PLACE = "swaps"  # below the studio's folder
LARGEST_FIGURES = 4 << 20  # bytes of the JSON of a check
MEASURED = ("title", "value", "low", "high", "unit", "aim", "met", "note")


def convert(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Start converting a video, which becomes a video, or pictures, which become a folder of pictures."""
    run, source = studio.library.run(asked.text("run")), studio.library.source(asked.text("source"))
    options, whom = options_of(asked), asked.choice("whom", WHOM, "known")
    is_video = source.kind == "video"
    name = asked.text("name", f"{Path(source.name).stem or 'pictures'}-{run.path.name}"[:70])
    out = studio.new_place(PLACE, name, ".mp4" if is_video else "")
    command: list[str | Path] = ["swap", "convert", run.path, source.source, "--out", out, "--to", options.to]
    command += ["--strength", f"{options.strength:g}", "--colour", options.colour, "--mask", options.mask]
    command += ["--blur", f"{options.blur:g}"] + (["--mark"] if asked.flag("mark") else [])
    if whom == "all":
        command += ["--person", "all"]
    elif whom == "picked":
        command += ["--person", *references(studio, asked.part("person"))]
    about = {"page": "swap", "kind": "convert", "footage": asked.text("source"), "video": is_video, "name": out.name}
    about["result"] = id_of(studio.library.name_of(out))
    return start_making(studio, f"Swap faces in {source.name}", command, [out], about).to_json()


def results(studio: Studio, _: Asked) -> dict[str, Any]:
    """What was converted and is still there, the newest first, with the job that measured it."""
    jobs, found = studio.jobs.all(), []
    for job in jobs:
        if job.about.get("kind") != "convert" or job.state != "done" or not _is_there(studio, job):
            continue
        checks = [each for each in jobs if each.about.get("kind") == "check" and each.about.get("of") == job.id]
        check = next((each.id for each in checks if each.state in ("done", "running")), None)
        kept = {name: job.about.get(name) for name in ("name", "video", "result", "footage")}
        found.append({"job": job.id, **kept, "check": check, "said": studio.library.without_folder(job.said).strip()})
    return {"results": found}


def _is_there(studio: Studio, job: Job) -> bool:
    names = job.about.get("made") or []
    return bool(names) and (studio.folder / names[0]).exists()


def check(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Start measuring a converted video against its footage.

    faces: the face set of the person put in, by which the likeness is measured; may be left out.
    """
    job = studio.jobs.get(asked.text("job"))
    if job.about.get("kind") != "convert" or not job.about.get("video"):
        raise UserError("Videos that this page converted are measured: choose one of the results.")
    swapped = made_file(studio, job.id, 0)
    footage = studio.library.source(str(job.about.get("footage")))
    out = studio.new_place(PLACE, f"{swapped.stem}-check", ".json")
    command: list[str | Path] = ["swap", "check", swapped, footage.source, "--out", out]
    if "faces" in asked:
        command += ["--source", studio.library.path_of(asked.text("faces"), "faces")]
    about = {"page": "swap", "kind": "check", "of": job.id}
    return start_making(studio, f"Measure {swapped.name}", command, [out], about).to_json()


def figures(studio: Studio, asked: Asked) -> dict[str, Any]:
    """What a check measured: a row for each measure, how many frames, and notes."""
    path = made_file(studio, asked.text("job"), 0)
    try:
        found = parse_json(read_regular(path, LARGEST_FIGURES))
        rows = [{name: each.get(name) for name in MEASURED} for each in found["measurements"]]
        counts = {name: found.get(name) for name in ("frames", "measured")}
    except (OSError, JsonError, KeyError, TypeError, AttributeError):
        raise NotThereError("The figures of this check cannot be read: measure the video once more.") from None
    return {"rows": rows, **counts, "notes": [studio.library.without_folder(str(note)) for note in found["notes"]]}
