"""Provenance records: IPTC's digital source type, the model, run, seed and settings, written into a picture as XMP.

Every format holds the same packet: PNG in an iTXt chunk, JPEG in an APP1 segment, WebP and TIFF in fields of their own,
GIF in an application extension, MP4 in a `uuid` box at its end.
Sources: Adobe, XMP Specification parts 1 and 3; IPTC Photo Metadata Standard, Digital Source Type NewsCodes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from imagewright.consent import in_outputs
from imagewright.errors import DataError
from imagewright.json_files import parse_json
from imagewright.versions import UNKNOWN, version_of

Record = Mapping[str, Any]

GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
ENHANCED = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
XMP = "http://ns.adobe.com/xap/1.0/"
OURS = "urn:imagewright:provenance:1/"

LARGEST_PACKET = 8 << 20  # bytes: those of photographs have some thousand, with a history of edits up to some million

TIFF_TAG = 700
PNG_KEYWORD = "XML:com.adobe.xmp"
GIF_APPLICATION = b"XMP DataXMP"
# A reader without XMP walks a GIF's blocks by their length bytes. Whichever byte of the packet it takes for a length,
# it lands in this descending run, and from there on the closing zero (XMP Specification part 3, GIF).
GIF_TRAILER = bytes([1, *range(255, -1, -1), 0])
MOST_BOXES = 2**16  # at the top of an MP4: a film that is played while it arrives has two a second
MP4_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")


def make_record(
    verb: str,
    *,
    model: str,
    run: str | Path | None = None,
    seed: int | None = None,
    images_seen: int | None = None,
    settings: Record | None = None,
    source_type: str = GENERATED,
    consent: Sequence[Record] = (),
) -> dict[str, Any]:
    """The provenance record of a picture made with a model, as JSON values; `inspect` reads it back.

    verb: the command or function that made it, such as "sample".
    model: the model's name in the catalogue.
    run: the run's path. The record has its last folder only: a path would tell strangers about the user's disk.
    seed: of all that was random, if anything was.
    images_seen: at the checkpoint.
    settings: the options that the picture depends on, as JSON values.
    source_type: GENERATED for new pictures, COMPOSITE for a sheet of real and generated ones, ENHANCED for the
        reconstruction of a real picture.
    consent: records of the people on whose faces the model was trained; the key is left out without any.
    """
    record: dict[str, Any] = {
        "digital_source_type": source_type,
        "software": _software(),
        "verb": verb,
        "model": model,
        "run": None if run is None else Path(run).resolve().name,
        "images_seen": images_seen,
        "seed": seed,
        "settings": dict(settings or {}),
    }
    return record | ({"consent": in_outputs(consent)} if consent else {})


def _software() -> str:
    version = version_of("imagewright")
    return "imagewright" if version == UNKNOWN else f"imagewright {version}"


def to_xmp(record: Record) -> bytes:
    """The XMP packet of a record, UTF-8. The `digital_source_type` is stated by IPTC's property as well."""
    source_type = record.get("digital_source_type")
    iptc_property = (
        f"   <Iptc4xmpExt:DigitalSourceType>{escape(source_type)}</Iptc4xmpExt:DigitalSourceType>\n"
        if source_type
        else ""
    )
    text = escape(json.dumps(dict(record), ensure_ascii=True, default=str))
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        f' <rdf:RDF xmlns:rdf="{RDF}">\n'
        f'  <rdf:Description rdf:about="" xmlns:xmp="{XMP}" xmlns:Iptc4xmpExt="{IPTC}" xmlns:imagewright="{OURS}">\n'
        f"{iptc_property}"
        f"   <xmp:CreatorTool>{escape(str(record.get('software') or _software()))}</xmp:CreatorTool>\n"
        f"   <imagewright:record>{text}</imagewright:record>\n"
        "  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n"
        '<?xpacket end="w"?>'
    ).encode()


def from_xmp(packet: bytes) -> dict[str, Any] | None:
    """The record in an XMP packet.

    A packet of another program gives the source type and software that it states, or None if it states no source type.
    Raises `DataError` for a packet that is not well formed.
    """
    if len(packet) > LARGEST_PACKET:
        raise DataError(f"The XMP metadata has {len(packet):,} bytes, and {LARGEST_PACKET:,} at most are read.")
    start, end = packet.find(b"<x:xmpmeta"), packet.rfind(b"</x:xmpmeta>")
    if start < 0 or end < 0:
        return None
    try:  # parse the element alone: a document type before it could declare entities that expand without end
        root = ElementTree.fromstring(packet[start : end + len(b"</x:xmpmeta>")])
    except ElementTree.ParseError as error:
        raise DataError(f"The XMP metadata is damaged ({error}).") from None
    found = {name: _property(root, name) for name in (f"{{{OURS}}}record", f"{{{IPTC}}}DigitalSourceType")}
    text, source_type = found.values()
    if text is None:
        tool = _property(root, f"{{{XMP}}}CreatorTool")
        record = {"digital_source_type": source_type, "software": tool}
        return record if source_type else None
    try:
        ours = parse_json(text)
    except ValueError:
        ours = None
    if not isinstance(ours, dict):
        raise DataError("The provenance record is damaged: it is not a JSON object.")
    return ours


def _property(root: ElementTree.Element, name: str) -> str | None:
    """A simple property of the description, written as an element or as an attribute: RDF permits both."""
    for description in root.iter(f"{{{RDF}}}Description"):
        if name in description.attrib:
            return description.attrib[name]
    element = next(root.iter(name), None)
    return None if element is None else element.text


def add_to_gif(data: bytes, packet: bytes) -> bytes:
    """Insert a packet into a GIF's bytes: an application extension after the header and the global colour table."""
    flags = data[10]
    start = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    return data[:start] + b"\x21\xff\x0b" + GIF_APPLICATION + packet + GIF_TRAILER + data[start:]


def find_in_gif(data: bytes) -> bytes | None:
    """The XMP packet in a GIF's bytes, or None."""
    start = data.find(b"\x21\xff\x0b" + GIF_APPLICATION)
    end = data.find(GIF_TRAILER, start)
    return data[start + 14 : end] if 0 <= start < end else None


def mp4_box(packet: bytes) -> bytes:
    """The MP4 box of a packet, to be appended to a file; players skip boxes that they do not know."""
    return struct.pack(">I4s", 24 + len(packet), b"uuid") + MP4_UUID + packet


def find_in_mp4(path: Path, identifier: bytes = MP4_UUID) -> bytes | None:
    """The content of a box of an own kind at the top of an MP4 file, or None; by default the XMP packet.

    identifier: the 16 bytes that name the kind.
    Raises `DataError` if the lengths of the boxes contradict the size of the file.
    """
    total = path.stat().st_size
    with path.open("rb") as file:
        place = 0
        for _ in range(MOST_BOXES):
            if place + 8 > total:
                break
            file.seek(place)
            length, kind = struct.unpack(">I4s", file.read(8))
            header = 8
            if length == 1 and place + 16 <= total:
                length, header = struct.unpack(">Q", file.read(8))[0], 16
            length = length or total - place  # zero: up to the end of the file
            if length < header or place + length > total:
                raise DataError(f"{path} is damaged: its box {kind!r} at byte {place} does not fit in the file.")
            if kind == b"uuid" and length < 1 << 24 and file.read(16) == identifier:
                return file.read(length - header - 16)
            place += length
    return None
