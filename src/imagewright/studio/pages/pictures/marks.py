"""Pictures marked with and without something: a table of one attribute, and its direction in a run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse

from imagewright.errors import RunError, UserError
from imagewright.images.tables.columns import LABEL_COLUMNS
from imagewright.images.tables.json_rows import NAME_FIELDS
from imagewright.output.tables import write_table
from imagewright.studio.pages.pictures.contents import Contents, asked_contents, chosen_indices
from imagewright.studio.pages.pictures.findings import own_folder, place_of, rows_of
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.library import NotThereError, id_of
from imagewright.studio.serving.studio import Studio

MARKS = "marks"  # the folder of the tables, in the studio's: users take them to the command line
MOST = 100  # tables of a source that are listed
_NAME = re.compile(r"(?!\d+$)\w[\w.-]{0,59}")


def marks(studio: Studio, asked: Asked) -> dict[str, Any]:
    """The attributes that were marked in a source, with the numbers of the pictures on both sides."""
    contents = asked_contents(studio, asked)
    paths = sorted(_folder(studio, asked.text("source")).glob("*.csv"))[:MOST]
    return {"marks": [_read(path, contents) for path in paths]}


def save_marks(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Write the table of an attribute: a row for each picture, 1 with it, 0 without it, nothing where it is unknown."""
    contents, name = asked_contents(studio, asked), _attribute(asked)
    with_it, without = chosen_indices(contents, asked, "with"), chosen_indices(contents, asked, "without")
    if both := set(with_it) & set(without):
        raise UserError(f"{contents.names[min(both)]} is marked on both sides: a picture has the attribute or not.")
    values = dict.fromkeys(with_it, 1) | dict.fromkeys(without, 0)
    rows = [[picture, values.get(place, "")] for place, picture in enumerate(contents.names)]
    path = _folder(studio, asked.text("source")) / f"{name}.csv"
    write_table(path, ["file", name], rows, force=True)
    return {"name": name, "table": studio.library.name_of(path), "with": len(with_it), "without": len(without)}


def forget_marks(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Remove the table of an attribute."""
    path = _table(studio, asked)
    path.unlink()
    return {"removed": path.stem}


def find_direction(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Start to find the direction of a marked attribute in a run, and to save it there."""
    from imagewright.latent.store import new_path

    key, run_id, name = asked.text("source"), asked.text("run"), _attribute(asked)
    item, run, table = studio.library.source(key), studio.library.run(run_id), _table(studio, asked)
    replace = asked.flag("replace")
    try:
        new_path(run, name, force=replace)
    except RunError:
        raise UserError(f"The run has a direction {name} already: tick “replace it”, or choose another name.") from None
    sheet = own_folder(studio, key) / "directions" / f"{run_id}-{name}.png"
    command: list[str | Path] = ["latent", "attribute", run.path, item.source, "--labels", table, "--attribute", name]
    command += ["--save", name, "--out", sheet, "--force"]
    about = {"page": "pictures", "source": key, "kind": "direction", "run": run_id, "name": name}
    if any(job.about == about for job in studio.jobs.running()):
        raise UserError(f"The direction {name} is being looked for already: its bar is in the corner.")
    run_name = studio.library.name_of(run.path)
    return studio.jobs.start(f"Find {name} in {run_name}", command, about).to_json()


def sheet(studio: Studio, asked: Asked) -> FileResponse:
    """The sheet of a found direction: a few pictures moved along it. The file holds its provenance."""
    key, run_id, name = asked.text("source"), asked.text("run"), _attribute(asked)
    studio.library.path_of(run_id, "run")
    path = own_folder(studio, key) / "directions" / f"{run_id}-{name}.png"
    if not path.is_file():
        raise NotThereError("This direction was not found from here yet.")
    return FileResponse(path, filename=f"{name}.png", content_disposition_type="inline")


def _attribute(asked: Asked) -> str:
    """The name of an attribute, which is a column of a table and a direction of a run."""
    name = re.sub(r"\s+", "-", asked.text("name", most=80).strip())
    if not _NAME.fullmatch(name):
        raise UserError(f"{name!r} cannot be the name: letters, digits, - and _ are expected, and not digits alone.")
    if name.lower() in {*LABEL_COLUMNS, *NAME_FIELDS}:
        raise UserError(f"A table takes {name!r} for something else than an attribute: say what is seen, such as red.")
    return name


def _folder(studio: Studio, key: str) -> Path:
    """Where the tables of a source are: a folder that is called as the source is."""
    name = studio.library.source(key).name
    plain = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    return studio.folder / MARKS / (plain if plain == name else f"{plain or 'pictures'}-{id_of(name)}")


def _table(studio: Studio, asked: Asked) -> Path:
    path = _folder(studio, asked.text("source")) / f"{_attribute(asked)}.csv"
    if not path.is_file():
        raise NotThereError("Nothing is marked under this name yet.")
    return path


def _read(path: Path, contents: Contents) -> dict[str, Any]:
    sides: dict[str, list[int]] = {"1": [], "0": []}
    for row in rows_of(path):
        place, value = place_of(contents, row.get("file") or ""), row.get(path.stem) or ""
        if place is not None and value in sides:
            sides[value].append(place)
    return {"name": path.stem, "with": sides["1"], "without": sides["0"]}
