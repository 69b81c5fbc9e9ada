"""The sound and the subtitles of a video, packet by packet, for another video.

A packet is copied as it is if the container holds its format. Sound that it does not hold is encoded as AAC; subtitles
are then left out. Both are said, and so are attached files and cover pictures that the container does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

from imagewright.errors import count_text
from imagewright.images.video_streams import is_cover

# What players expect in a container, as FFmpeg names it; Matroska holds all.
HELD = {
    ".mp4": frozenset(("aac", "mp3", "ac3", "eac3", "alac", "opus", "flac", "mov_text")),
    ".mov": frozenset(("aac", "mp3", "ac3", "eac3", "alac", "mov_text", "pcm_s16le", "pcm_s16be", "pcm_s24le")),
}
HELD[".m4v"] = HELD[".mp4"]
HOLD_COVERS = (".mp4", ".m4v")
COVERS = frozenset(("mjpeg", "png", "bmp"))  # formats of a cover that they hold
TimedPacket = tuple[Fraction, Any]


class CopiedTracks:
    """All tracks of sound and subtitles of an opened video, for an opened new one.

    source, container: of PyAV, opened to be read, and to be written.
    suffix: of the new file.
    start: seconds at which the original starts, which become 0.
    """

    def __init__(self, av: Any, source: Any, container: Any, suffix: str, start: Fraction) -> None:
        self._av, self._source, self._start = av, source, start
        self._makers: dict[int, Callable[[Any], Iterator[TimedPacket]]] = {}
        self._ends: list[Iterator[TimedPacket]] = []
        self.notes: list[str] = []
        held = HELD.get(suffix)
        for track in (*source.streams.audio, *source.streams.subtitles):
            name = _format_name(track)
            if name in (held or container.supported_codecs):
                self._copy(track, container.add_stream_from_template(track))
            elif track.type == "audio" and track.codec_context is not None:
                self._encode(track, container)
                self.notes.append(
                    f"The sound ({name}) is encoded again, as AAC, because {suffix} does not hold it: write .mkv to "
                    "keep it as it is."
                )
            else:
                self.notes.append(f"The {track.type} track ({name}) is left out, because {suffix} does not hold it.")
        self._covers = self._add_covers(container, suffix)
        if attached := len(source.streams.attachments):
            self.notes.append(f"Left out of {Path(source.name).name}: {count_text(attached, 'attached file')}.")

    def packets(self) -> Iterator[TimedPacket]:
        """Each packet with its time in seconds, in the order of the file."""
        yield from self._covers
        if not self._makers:
            return
        tracks = [track for track in self._source.streams if track.index in self._makers]
        for packet in self._source.demux(tracks):
            if packet.dts is not None:  # else it is the end
                yield from self._makers[packet.stream.index](packet)
        for end in self._ends:
            yield from end

    def _add_covers(self, container: Any, suffix: str) -> list[TimedPacket]:
        """Streams for the cover pictures that the container holds, and their packets."""
        packets = list[TimedPacket]()
        with self._av.open(self._source.name) as source:  # a cover is read once: the other tracks are read later
            for cover in filter(is_cover, source.streams.video):
                packet = next((each for each in source.demux(cover) if each.size), None)
                if suffix not in HOLD_COVERS or _format_name(cover) not in COVERS or packet is None:
                    self.notes.append(f"The cover picture is left out, because {suffix} does not hold it.")
                    continue
                out = container.add_stream_from_template(cover)
                out.disposition = cover.disposition
                packet.pts, packet.dts, packet.stream = 0, 0, out
                packets.append((Fraction(0), packet))
        return packets

    def _copy(self, track: Any, out: Any) -> None:
        out.metadata.update(track.metadata)
        last: list[int] = []  # containers refuse times that do not ascend, which damaged files have

        def made(packet: Any) -> Iterator[TimedPacket]:
            shift = round(self._start / packet.time_base)
            decoded = max(packet.dts - shift, last[0] + 1) if last else packet.dts - shift
            shown = packet.dts if packet.pts is None else packet.pts
            packet.pts, packet.dts, packet.stream = max(shown - shift, decoded), decoded, out
            last[:] = [decoded]
            yield decoded * packet.time_base, packet

        self._makers[track.index] = made

    def _encode(self, track: Any, container: Any) -> None:
        out = container.add_stream("aac", rate=track.codec_context.sample_rate)
        out.metadata.update(track.metadata)
        layout = "mono" if track.codec_context.layout.nb_channels == 1 else "stereo"
        resampler = self._av.AudioResampler(format="fltp", layout=layout, rate=track.codec_context.sample_rate)

        def encoded(frames: Any) -> Iterator[TimedPacket]:
            for frame in frames:
                for sound in resampler.resample(frame):
                    if sound.pts is not None:
                        sound.pts -= round(self._start / sound.time_base)
                    yield from timed(out.encode(sound))

        def timed(packets: list[Any]) -> Iterator[TimedPacket]:
            return ((packet.pts * packet.time_base, packet) for packet in packets)

        def made(packet: Any) -> Iterator[TimedPacket]:
            try:
                frames = packet.decode()
            except self._av.error.InvalidDataError:
                return
            yield from encoded(frames)

        def end() -> Iterator[TimedPacket]:
            yield from encoded(chain(track.codec_context.decode(None), [None]))
            yield from timed(out.encode(None))

        self._makers[track.index] = made
        self._ends.append(end())


def _format_name(track: Any) -> str:
    """FFmpeg's name of a track's format."""
    return "unknown" if track.codec_context is None else track.codec_context.codec.canonical_name
