"""The record in the XMP of a crop."""

from __future__ import annotations

from collections.abc import Mapping

from imagewright.errors import DataError
from imagewright.faces.records import FaceRecord
from imagewright.images.decoding.opening import open_picture
from imagewright.images.decoding.unreadable import Unreadable
from imagewright.output.inspecting_pictures import find_packet
from imagewright.output.provenance import from_xmp

FACE = "face"  # the key of the record among the settings of the provenance record


def find_face_record(payload: bytes, name: str) -> FaceRecord | None:
    """The record in an encoded crop, or None if it holds none.

    name: of the crop, for messages.
    Raises `DataError` for what is no picture, a damaged record, and a crop that was cropped since.
    """
    try:
        with open_picture(payload, any_size=True) as picture:
            width, height = picture.size
            packet = find_packet(picture, payload)
    except Unreadable as reason:
        raise DataError(f"{name} cannot be read: {reason}.") from None
    provenance = from_xmp(packet) if packet else None
    settings = provenance.get("settings") if provenance else None
    values = settings.get(FACE) if isinstance(settings, Mapping) else None
    if values is None:
        return None
    if width != height:
        raise DataError(f"{name} is {width}x{height}, no square: its record is that of the crop before it was cut.")
    return FaceRecord.from_json(values)
