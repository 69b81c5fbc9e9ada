"""What a page sends: one picture to work with, or files for a new source. Bounded before they are read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import unquote

from anyio import CancelScope, to_thread
from starlette.requests import Request

from imagewright.errors import DataError, UserError, count_text
from imagewright.files import atomic_write, write_whole
from imagewright.images.decoding.opening import open_picture
from imagewright.images.decoding.unreadable import Unreadable
from imagewright.images.sources.listing import is_picture_name
from imagewright.images.sources.system_files import is_system_folder
from imagewright.images.sources.video import VIDEO_SUFFIXES
from imagewright.images.sources.zip_directory import read_zip_directory
from imagewright.studio.serving.arriving import noted
from imagewright.studio.serving.library import DROPPED, id_of
from imagewright.studio.serving.page import Picture
from imagewright.studio.serving.sources import shown
from imagewright.studio.serving.studio import OWN_FOLDER, Studio

Value = TypeVar("Value")
MOST_PICTURE_BYTES = 64 << 20
MOST_LARGE_BYTES = 4 << 30  # of a video, or of an archive
ARCHIVE = ".zip"
MOST_PARTS, LONGEST_PART = 4, 120  # of the name of a file with its folders


async def receive(request: Request, most: int) -> bytes:
    """The body of a request. Raises `UserError` as soon as it is larger than `most` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise UserError(f"The file is larger than {most >> 20:,} MiB, which is the most that a page may send.")
    return bytes(body)


def uploaded_picture(name: str, content: bytes) -> Picture:
    """One picture from its file. Raises `DataError` if it is none, or larger than any that is read."""
    return Picture(shown(content, name=plain_name(name)), None, Path(plain_name(name)).stem or "picture")


def plain_name(name: str) -> str:
    """The last part of a file's name, for labels and messages."""
    return PurePosixPath(unquote(name).replace("\\", "/")).name[:LONGEST_PART]


def new_source(studio: Studio, name: str) -> Path:
    """The folder of a new source, made."""
    while studio.folder.is_dir():
        place = studio.new_place(DROPPED, name)
        with suppress(FileExistsError):  # another page took the name just now
            place.mkdir(parents=True, mode=0o700)
            return place
    raise UserError("The studio's folder is no longer there: put it back, or start the studio where it is now.")


def is_large(name: str) -> bool:
    """Whether a file of this name is a video or an archive, which is written while it arrives."""
    return Path(plain_name(name)).suffix.lower() in (*VIDEO_SUFFIXES, ARCHIVE)


def add_picture(studio: Studio, folder: str, name: str, content: bytes) -> dict[str, Any]:
    """Add a picture to a source that `new_source` made.

    folder: the name of the source's folder.
    name: of the file, with the folders of its classes.
    Raises `UserError` for a name that leads elsewhere or a file that is there, `DataError` for what is no picture.
    """
    path = _place_of(studio, folder, name)
    if not is_picture_name(path.name):
        raise DataError(f"{path.name} is no picture that can be read.")
    try:
        with open_picture(content):
            pass
    except Unreadable as reason:
        raise DataError(f"{path.name} cannot be read: {reason}.") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    _arrived(studio, folder)
    return {"added": path.name}


async def add_large(studio: Studio, folder: str, name: str, request: Request) -> dict[str, Any]:
    """Add a video or a .zip of pictures, as `add_picture` does; it is never whole in memory.

    Archives stay packed: they are sources as they are. The answer says how many pictures one holds, and what it holds
    besides. Raises `UserError` also for a file too large, and `DataError` for an archive that is refused.
    """
    path = await to_thread.run_sync(_place_of, studio, folder, name)
    found: dict[str, Any] = {}
    note, whole = noted(studio.folder / OWN_FOLDER, path), atomic_write(path)  # makes the folders of classes
    async with _in_threads(note), _in_threads(whole) as temporary:
        async with _in_threads(temporary.open("wb")) as file:
            arrived = 0
            async for chunk in request.stream():
                arrived += len(chunk)
                if arrived > MOST_LARGE_BYTES:
                    raise UserError(
                        f"{path.name} is larger than {MOST_LARGE_BYTES >> 30} GiB: copy it into the folder."
                    )
                await to_thread.run_sync(file.write, chunk)
        if path.suffix.lower() == ARCHIVE:
            found = await to_thread.run_sync(_look_into, temporary, path.name)
    _arrived(studio, folder)
    return {"added": path.name} | found


def _arrived(studio: Studio, folder: str) -> None:
    """What is known of a source is old: a page may have looked into it meanwhile."""
    studio.library.refresh()
    studio.sources.forget(id_of(f"{DROPPED}/{folder}"))


@asynccontextmanager
async def _in_threads(context: AbstractContextManager[Value, Any]) -> AsyncIterator[Value]:
    """A context that is entered and left in threads: to flush 4 GiB takes long, and all pages would wait."""
    value = await to_thread.run_sync(context.__enter__)
    try:
        yield value
    except BaseException as error:
        with CancelScope(shield=True):  # a page that left leaves no half file
            if not await to_thread.run_sync(context.__exit__, type(error), error, error.__traceback__):
                raise
    else:
        with CancelScope(shield=True):
            await to_thread.run_sync(context.__exit__, None, None, None)


def _look_into(path: Path, name: str) -> dict[str, Any]:
    """What a .zip holds: names, links, sizes and the ratio of packing are checked as for every source."""
    try:
        found = read_zip_directory(path)
    except DataError as error:
        raise DataError(str(error).replace(str(path), name)) from None
    pictures, passed = len(found.listing), found.listing.passed_over
    others = passed.companions.total() + passed.others.total()
    if not pictures:
        raise DataError(f"{name} holds no pictures that can be read, and {count_text(others, 'other file')}.")
    notes = [f"{name}: passed over {count_text(others, 'file')} besides pictures."] if others else []
    if found.links:
        notes.append(f"{name}: {count_text(found.links, 'link')} left out.")
    return {"pictures": pictures, "notes": notes}


def _place_of(studio: Studio, folder: str, name: str) -> Path:
    """Where a file of a new source goes. Raises `UserError` for a name that leads elsewhere or a file that is there."""
    parts = [part for part in unquote(name).replace("\\", "/").split("/") if part]
    is_plain = all(part.isprintable() and not is_system_folder(part) and len(part) <= LONGEST_PART for part in parts)
    place = studio.folder / DROPPED / folder
    if not parts or len(parts) > MOST_PARTS or not is_plain or "/" in folder or folder.startswith("."):
        raise UserError(f"{plain_name(name)!r} cannot be the name of a picture in the studio's folder.")
    if not place.is_dir() or not place.resolve().is_relative_to(studio.folder):
        raise UserError("There is no such source in the studio's folder.")
    path = place.joinpath(*parts)
    if not path.parent.resolve().is_relative_to(place.resolve()) or path.exists():
        raise UserError(f"{plain_name(name)} is there already.")
    return path
