"""Files that jobs made, served by the id of the job and a number: no path comes from the browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse

from imagewright.errors import UserError
from imagewright.studio.serving.jobs import Job
from imagewright.studio.serving.library import NotThereError
from imagewright.studio.serving.studio import Studio

MADE = "made"  # in what a job is about: the files that it makes, below the studio's folder
SHOWN = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
}
SAVED = {".html": "text/html", ".json": "application/json", ".csv": "text/csv", ".pdf": "application/pdf"}


def start_making(
    studio: Studio,
    title: str,
    command: Sequence[str | Path],
    made: Sequence[Path],
    about: Mapping[str, Any] | None = None,
) -> Job:
    """Start a job whose files pages show and save.

    made: what the command writes, below the studio's folder.
    """
    for path in made:
        path.parent.mkdir(parents=True, exist_ok=True)
    names = [path.relative_to(studio.folder).as_posix() for path in made]
    return studio.jobs.start(title, command, {**(about or {}), MADE: names})


def made_file(studio: Studio, job: str, number: int) -> Path:
    """File `number` of a job. Raises `NotThereError` if it was moved, or leads out of the studio's folder."""
    names = studio.jobs.get(job).about.get(MADE)
    if isinstance(names, list) and 0 <= number < len(names) and isinstance(names[number], str):
        path = studio.folder / names[number]
        if path.is_file() and path.resolve().is_relative_to(studio.folder):
            return path
    raise NotThereError("This file is not there: its job has not made it, or it was moved or removed.")


def file_answer(path: Path, *, save: bool) -> FileResponse:
    """The file as an answer, also in parts, so that a video can be played from any place.

    save: whether the browser saves it; pages and tables are always saved, never opened.
    Raises `UserError` for a file of another kind.
    """
    suffix = path.suffix.lower()
    kind = SHOWN.get(suffix) or SAVED.get(suffix)
    if kind is None:
        raise UserError(f"Files such as {path.name} are not shown in pages: open it in the studio's folder.")
    disposition = "attachment" if save or suffix in SAVED else "inline"
    headers = {"cache-control": "private, no-cache"}
    return FileResponse(
        path, headers=headers, media_type=kind, filename=path.name, content_disposition_type=disposition
    )
