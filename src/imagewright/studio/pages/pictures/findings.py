"""What commands found in a source: they are started here as jobs, and the tables that they write are read."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse

from imagewright.errors import UserError
from imagewright.json_files import JsonError, parse_json
from imagewright.output.names import visible
from imagewright.studio.pages.pictures.contents import Contents, asked_contents
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.library import NotThereError
from imagewright.studio.serving.studio import OWN_FOLDER, Studio
from imagewright.wording import in_page

SPACES = ("looks", "pixels", "edges")
EVERY = 1_000_000  # groups of duplicates and unreadable pictures that are named: all
CHECK, OUTLIERS, CLUSTERS = "check.json", "outliers", "clusters"
TABLES = {"outliers": f"{OUTLIERS}/scores.csv", "clusters": f"{CLUSTERS}/clusters.csv", "check": CHECK}
TITLES = {"check": "Check {}", "outliers": "Rank {}", "clusters": "Group {}"}


def own_folder(studio: Studio, key: str) -> Path:
    """Where what was found in a source is kept. Raises `NotThereError` for an unknown source."""
    return studio.folder / OWN_FOLDER / "pictures" / studio.library.source(key).id


def begin(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Start to check, rank or group the pictures of a source. What was found before is replaced at the end."""
    key, kind = asked.text("source"), asked.choice("kind", list(TITLES))
    item, folder = studio.library.source(key), own_folder(studio, key)
    if any(job.about.get("source") == key and job.about.get("kind") == kind for job in studio.jobs.running()):
        raise UserError("This is under way already: its bar is in the corner.")
    if kind == "check":
        command: list[str | Path] = ["data", "check", item.source, "--out", folder / CHECK, "--examples", str(EVERY)]
    elif kind == "outliers":
        command = ["outliers", item.source, "--out", folder / OUTLIERS]
    else:
        count = asked.whole("clusters", 0, high=1_000)
        command = ["cluster", item.source, "--out", folder / CLUSTERS, "--clusters", str(count or "auto")]
        if asked.text("run", ""):
            command += ["--run", studio.library.path_of(asked.text("run"), "run")]
        else:
            command += ["--space", asked.choice("space", SPACES, SPACES[0])]
    about = {"page": "pictures", "source": key, "kind": kind}
    return studio.jobs.start(TITLES[kind].format(item.name), [*command, "--force"], about).to_json()


def found(studio: Studio, asked: Asked) -> dict[str, Any]:
    """What a command found, with pictures by number; {"found": false} before it has run."""
    key, kind = asked.text("source"), asked.choice("kind", list(TITLES))
    contents, folder = asked_contents(studio, asked), own_folder(studio, key)
    if not (folder / TABLES[kind]).is_file():
        return {"found": False}
    try:
        read = {"check": _read_check, "outliers": _read_ranking, "clusters": _read_clusters}[kind]
        return {"found": True, "at": (folder / TABLES[kind]).stat().st_mtime} | read(folder, contents)
    except (OSError, KeyError, ValueError, TypeError, JsonError):
        raise UserError("What was found before cannot be read any more: start it once more.") from None


def table(studio: Studio, asked: Asked) -> FileResponse:
    """The file that a command wrote, to be saved."""
    key, kind = asked.text("source"), asked.choice("kind", list(TITLES))
    path = own_folder(studio, key) / TABLES[kind]
    if not path.is_file():
        raise NotThereError("There is no such table yet.")
    name = f"{Path(studio.library.source(key).name).stem or 'pictures'}-{path.name}"
    return FileResponse(path, filename=name, headers={"cache-control": "no-store"})


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a table of ours by the names of its columns."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        yield from csv.DictReader(file)


def place_of(contents: Contents, cell: str) -> int | None:
    """The number of the picture that a table names; None if it is not there any more."""
    for name in (cell, cell.removeprefix("./"), cell.removeprefix("'")):  # as tables write names like -1.png and =2
        if name in contents.places:
            return contents.places[name]
    return None


def _read_ranking(folder: Path, contents: Contents) -> dict[str, Any]:
    report = _json(folder / OUTLIERS / "report.json")
    order, scores, gone = [], [], 0
    for row in rows_of(folder / OUTLIERS / "scores.csv"):
        place = place_of(contents, row["name"])
        if place is None:
            gone += 1
            continue
        order.append(place)
        scores.append(float(row[str(report["method"])]))
    return {
        "method": report["method"],
        "order": order,
        "scores": scores,
        "notes": [*_texts(report["notes"]), *_changes(len(order), gone, contents)],
    }


def _read_clusters(folder: Path, contents: Contents) -> dict[str, Any]:
    report = _json(folder / CLUSTERS / "report.json")
    members: list[list[tuple[float, int]]] = [[] for _ in range(int(report["clusters"]))]
    gone = 0
    for row in rows_of(folder / CLUSTERS / "clusters.csv"):
        place = place_of(contents, row["name"])
        if place is None:
            gone += 1
        else:
            members[int(row["cluster"])].append((float(row["distance"]), place))
    points = []
    for row in rows_of(folder / CLUSTERS / "map.csv"):
        place = place_of(contents, row["name"])
        if place is not None:
            points.append([place, float(row["x"]), float(row["y"]), int(row["cluster"])])
    listed = sum(map(len, members))
    return {
        "space": report["space"],
        "clusters": [[place for _, place in sorted(each)] for each in members],  # the most typical first
        "points": points,
        "notes": [*_texts(report["notes"]), *_changes(listed, gone, contents)],
    }


def _read_check(folder: Path, contents: Contents) -> dict[str, Any]:
    report = _json(folder / CHECK)
    groups = {
        kind: [_places(contents, group) for group in report[name]]
        for kind, name in (("equal", "duplicate_groups"), ("near", "near_duplicate_groups"))
    }
    unreadable = [
        {"index": place_of(contents, name), "name": visible(name), "reason": reason}
        for name, reason in report["unreadable_examples"]
    ]
    counted = ("count", "readable", "unreadable", "duplicates", "near_duplicates", "sizes", "modes", "formats")
    return {
        **{name: report[name] for name in counted},
        **{kind: [group for group in found if len(group) > 1] for kind, found in groups.items()},
        "unreadable_pictures": unreadable,
        "suggestion": report["suggestion"],
        "notes": [
            *_texts(report["notes"]),
            *_changes(report["count"], max(0, report["count"] - len(contents.names)), contents),
        ],
    }


def _places(contents: Contents, names: Sequence[str]) -> list[int]:
    return [place for place in (place_of(contents, name) for name in names) if place is not None]


def _changes(listed: int, gone: int, contents: Contents) -> list[str]:
    """A note if the source is no longer what the command saw."""
    new = len(contents.names) - listed
    if gone or new > 0:
        return [f"The folder has changed since: {gone:,} pictures are gone, {max(new, 0):,} are new or left out."]
    return []


def _json(path: Path) -> dict[str, Any]:
    value = parse_json(path.read_bytes())
    if not isinstance(value, dict):
        raise ValueError("an object was expected")
    return value


def _texts(notes: Any) -> list[str]:
    return [in_page(visible(str(note))) for note in notes]
