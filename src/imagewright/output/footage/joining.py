"""Join encoded segments to one video, with the sound and the subtitles of the original: packets are copied."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from heapq import merge
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.files import atomic_write
from imagewright.images.footage import Footage, import_av
from imagewright.images.video_streams import find_video_stream
from imagewright.output.footage.encoding import LEAD, SEGMENT_FORMAT, Encoding
from imagewright.output.footage.tracks import CopiedTracks, TimedPacket
from imagewright.output.provenance import Record, mp4_box, to_xmp

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
OF_THE_FILE = frozenset(("major_brand", "minor_version", "compatible_brands", "encoder"))


def join_segments(
    segments: Sequence[Path], path: Path, original: Footage, encoding: Encoding, record: Record | None
) -> list[str]:
    """Write `path`, whole or not at all. Returns sentences for the user.

    segments: one or more files of `write_segment`, in order.
    record: the provenance record: in the file's comment, and in an XMP box of .mp4 and .mov.
    """
    av = import_av(str(path))
    suffix = path.suffix.lower()
    with atomic_write(path, is_result=True) as temporary:
        with (
            av.open(str(original.path)) as source,
            av.open(str(segments[0]), format=SEGMENT_FORMAT) as first,
            av.open(str(temporary), "w", format=FORMATS[suffix]) as container,
        ):
            container.metadata.update({k: v for k, v in source.metadata.items() if k not in OF_THE_FILE})
            if record:
                container.metadata["comment"] = json.dumps(dict(record), default=str)
            stream = container.add_stream_from_template(first.streams.video[0])
            stream.time_base = encoding.tick
            encoding.describe(stream.codec_context)  # of which not all formats of segments keep all
            stream.metadata.update(find_video_stream(source, str(original.path)).metadata)
            tracks = CopiedTracks(av, source, container, suffix, original.start)
            if chapters := source.chapters():
                container.set_chapters(chapters)
            pictures = _pictures(av, segments, stream, encoding.tick)
            for _, packet in merge(pictures, tracks.packets(), key=lambda timed: timed[0]):
                container.mux_one(packet)
        if record and suffix != ".mkv":
            with temporary.open("ab") as file:
                file.write(mp4_box(to_xmp(record)))
    return tracks.notes


def _pictures(av: Any, segments: Sequence[Path], stream: Any, tick: Fraction) -> Iterator[TimedPacket]:
    """The packets of all segments with decoding times that ascend over the whole video.

    Decoding times of a segment start before its first picture and could overlap with those of the segment before. All
    are set anew: packet k is decoded at the k-th time of all pictures, less the delay of reordering.
    """
    times = [_times_in(av, segment, tick) for segment in segments]
    ordered = np.sort(np.concatenate(times))
    delay = max(int((np.arange(len(each)) - each.argsort().argsort()).max()) for each in times)
    step = int(ordered[1] - ordered[0]) if len(ordered) > 1 else 1
    number = 0
    for segment in segments:
        with av.open(str(segment), format=SEGMENT_FORMAT) as container:
            for packet in container.demux(container.streams.video[0]):
                if packet.size == 0:
                    continue
                shown = _time_of(packet, tick)
                place = int(np.searchsorted(ordered, shown))
                following = ordered[place + 1] if place + 1 < len(ordered) else shown + step
                early = number - delay
                decoded = int(ordered[early]) if early >= 0 else int(ordered[0]) + early * step
                packet.time_base, packet.stream = tick, stream
                packet.pts, packet.dts, packet.duration = shown, decoded, int(following) - shown
                number += 1
                yield decoded * tick, packet


def _times_in(av: Any, segment: Path, tick: Fraction) -> np.ndarray:
    """The times of the packets of a segment, in ticks, in the order in which they are decoded."""
    with av.open(str(segment), format=SEGMENT_FORMAT) as container:
        found = [_time_of(packet, tick) for packet in container.demux(container.streams.video[0]) if packet.size]
    return np.array(found, np.int64)


def _time_of(packet: Any, tick: Fraction) -> int:
    """When a packet of a segment is shown, in ticks."""
    return round((packet.pts * packet.time_base - LEAD) / tick)
