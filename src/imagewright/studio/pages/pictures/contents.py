"""What is in a source: names and labels by number, one picture large or small."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.responses import Response

from imagewright.errors import DataError, UserError
from imagewright.images.decoding.formats import Unreadable, read_header
from imagewright.output.names import encode_text, visible
from imagewright.pixels import size_text
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.encoding import encode_file
from imagewright.studio.serving.recent import Recent
from imagewright.studio.serving.sources import MOST_OPEN
from imagewright.studio.serving.studio import Studio
from imagewright.wording import in_page

if TYPE_CHECKING:
    from imagewright.images import Images

PART = 20_000  # names of one answer
PLAIN_PIXELS = 96 * 96  # up to which a picture is sent as PNG: blocks of JPEG would show when it is enlarged
KEPT_SECONDS = 3600  # by the browser: the address of a picture changes when its source does
BLANK = 64  # pixels of the sign for a picture that cannot be read


@dataclass(frozen=True, eq=False)
class Contents:
    """The pictures of a source as a page knows them: by number.

    version: changes when the numbers would mean other pictures.
    """

    images: Images
    names: list[str]
    places: dict[str, int]
    version: str


_known: Recent[Images, Contents] = Recent(MOST_OPEN)


def contents_of(studio: Studio, key: str) -> Contents:
    """The contents of a source, listed once for as long as it is open."""
    try:
        images = studio.sources.open(key)
    except DataError as error:  # pages show no paths
        raise DataError(studio.library.without_folder(str(error))) from None
    return _known.get(images, lambda: _list(images))


def _list(images: Images) -> Contents:
    names = images.names()
    changed = blake2b(encode_text("\n".join(names)), digest_size=6).hexdigest()
    return Contents(images, names, {name: place for place, name in enumerate(names)}, changed)


def asked_contents(studio: Studio, asked: Asked) -> Contents:
    """The contents of the source that was asked for. Raises `UserError` if the page knows an older state of it."""
    found = contents_of(studio, asked.text("source"))
    if asked.text("version", found.version) != found.version:
        raise UserError("The folder has changed since this page was opened: read it again, and choose once more.")
    return found


def chosen_indices(found: Contents, asked: Asked, name: str = "indices") -> list[int]:
    """Numbers of pictures that a page sent. Raises `UserError` for others than there are."""
    given = [int(each) for each in asked.numbers(name)]
    if not all(0 <= each < len(found.names) for each in given):
        raise UserError(f"{name} names pictures that are not there: expected 0 to {len(found.names) - 1:,}.")
    return list(dict.fromkeys(given))


def describe(studio: Studio, key: str) -> dict[str, Any]:
    """A source in short: how many pictures, of what size, classes, attributes and notes."""
    item, found = studio.library.source(key), contents_of(studio, key)
    images = found.images
    counts = [] if images.labels is None else np.bincount(images.labels[images.labels >= 0]).tolist()
    classes = [
        {"name": name, "pictures": counts[place] if place < len(counts) else 0}
        for place, name in enumerate(images.class_names or ())
    ]
    attributes = []
    if images.attributes is not None:
        totals = np.nansum(images.attributes, axis=0)
        attributes = [
            {"name": name, "pictures": int(total)}
            for name, total in zip(images.attribute_names or (), totals, strict=True)
        ]
    return {
        "id": key,
        "name": item.name,
        "kind": item.kind,
        "version": found.version,
        "pictures": len(found.names),
        "size": size_text(images.size),
        "channels": images.channels,
        "classes": classes,
        "attributes": attributes,
        "notes": [in_page(visible(str(note)).replace(str(studio.folder), studio.folder.name)) for note in images.notes],
        "is_folder": item.path is not None and item.path.is_dir(),
    }


def names(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Names and labels of 20,000 pictures from one on; -1 for no label."""
    found, start = asked_contents(studio, asked), asked.whole("start", 0)
    labels = found.images.labels
    shown = [visible(name) for name in found.names[start : start + PART]]
    return {"names": shown, "labels": None if labels is None else labels[start : start + PART].tolist()}


def having(studio: Studio, asked: Asked) -> dict[str, Any]:
    """The numbers of the pictures that have an attribute."""
    found, attribute = asked_contents(studio, asked), asked.text("attribute")
    known = found.images.attribute_names or ()
    if found.images.attributes is None or attribute not in known:
        raise UserError(f"These pictures have no attribute {attribute!r}.")
    return {"indices": np.flatnonzero(found.images.attributes[:, known.index(attribute)] > 0.5).tolist()}


def picture(studio: Studio, asked: Asked) -> Response:
    """A picture with a longer side of some pixels at most; a sign in place of one that cannot be read."""
    key, index, side = asked.text("source"), asked.whole("index"), asked.whole("side", 96, low=16, high=2048)
    try:
        pixels = studio.sources.picture(key, index, side)
    except DataError:
        pixels = _sign()
    form = "png" if pixels.shape[0] * pixels.shape[1] <= PLAIN_PIXELS else "jpeg"
    headers = {"cache-control": f"private, max-age={KEPT_SECONDS}"}
    return Response(encode_file(pixels, form), media_type=f"image/{form}", headers=headers)


def _sign() -> np.ndarray:
    """A grey square with a cross."""
    across = np.arange(BLANK)
    distance = np.minimum(abs(across[:, None] - across), abs(across[:, None] + across - BLANK + 1))
    inside = (across > BLANK // 4) & (across < 3 * BLANK // 4)
    cross = (distance < 2) & inside[:, None] & inside
    return np.where(cross, 120, 200).astype(np.uint8)[..., None].repeat(3, axis=2)


def about_picture(studio: Studio, asked: Asked) -> dict[str, Any]:
    """One picture in words: name, size, format, class, attributes, or why it cannot be read."""
    found, index = asked_contents(studio, asked), asked.whole("index")
    images = found.images
    if index >= len(found.names):
        raise UserError(f"There are {len(found.names):,} pictures, and none of number {index:,}.")
    told: dict[str, Any] = {"name": visible(found.names[index]), "class": images.class_name(index)}
    if images.attributes is not None:
        has = images.attributes[index] > 0.5
        told["attributes"] = [name for name, own in zip(images.attribute_names or (), has, strict=True) if own]
    content = images.original(index)
    content = content[-1] if isinstance(content, tuple) else content
    if isinstance(content, np.ndarray):
        return told | {"width": content.shape[1], "height": content.shape[0], "format": "array"}
    if isinstance(content, Unreadable):
        return told | {"unreadable": str(content)}
    try:
        header = read_header(content)
    except Unreadable as reason:
        return told | {"unreadable": str(reason), "bytes": len(content)}
    size = {"width": header.width, "height": header.height, "format": header.format, "mode": header.mode}
    return told | size | {"bytes": len(content)}
