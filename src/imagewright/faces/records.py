"""The record of a face that was cut out of a picture: where it was, its points, pose, sharpness and identity, as JSON.

A crop holds its own record in its XMP, so that it is complete by itself wherever it is moved. Coordinates are pixels of
the picture, or of the frame of the video.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeGuard

import numpy as np

from imagewright.errors import DataError, an, one_line
from imagewright.faces.crops import CROPS
from imagewright.faces.detections import Face
from imagewright.faces.landmarks import OVAL, sixty_eight
from imagewright.faces.pose import Pose, head_pose
from imagewright.faces.similarity import apply_affine, invert_affine

COMMON_POINTS, OVAL_POINTS, IDENTITY_NUMBERS = 68, len(OVAL), 128
LAYOUTS = ("mesh", "blazeface", "centerface", "cascade")
LARGEST = 1e7  # of a coordinate
MOST = 2**53  # of a whole number
LARGEST_SIDE = 4096  # pixels of a crop


@dataclass(frozen=True, eq=False)
class FaceRecord:
    """A face and its crop.

    Attributes:
        file: the name of the crop.
        picture: the name of the picture, or of the video.
        frame: of the video, from 0; None for a picture.
        time: of the frame in seconds; None for a picture.
        track: the number of the track: faces of one track are one person in one shot. Each face of a picture has one.
        crop: "face", "whole", "head" or "ffhq".
        size: the side of the crop in pixels.
        square: (2, 3), from the unit square of the crop to pixels of the picture.
        box: (x0, y0, x1, y1).
        score: of the detector.
        layout: whose points the face was aligned by.
        points: (68, 2), the common points; None without the mesh.
        oval: (36, 2), the outline with the forehead; None without the mesh.
        pose: None without the mesh.
        sharpness: as `measure_sharpness` has it.
        identity: (128,); None if it was not computed.
    """

    file: str
    picture: str
    frame: int | None
    time: float | None
    track: int
    crop: str
    size: int
    square: np.ndarray
    box: np.ndarray
    score: float
    layout: str
    points: np.ndarray | None
    oval: np.ndarray | None
    pose: Pose | None
    sharpness: float
    identity: np.ndarray | None

    @property
    def side(self) -> float:
        """The longer side of the box."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))

    def points_in_crop(self) -> np.ndarray | None:
        """The common points (68, 2) in the unit square of the crop."""
        return None if self.points is None else apply_affine(invert_affine(self.square), self.points)

    def oval_in_crop(self) -> np.ndarray | None:
        """The outline (36, 2) in the unit square of the crop."""
        return None if self.oval is None else apply_affine(invert_affine(self.square), self.oval)

    def to_json(self) -> dict[str, Any]:
        """JSON values; `from_json` reads them back."""
        return {
            "file": self.file,
            "picture": self.picture,
            "frame": self.frame,
            "time": None if self.time is None else round(self.time, 6),
            "track": self.track,
            "crop": self.crop,
            "size": self.size,
            "square": _numbers(self.square, 3),
            "box": _numbers(self.box, 2),
            "score": round(self.score, 4),
            "layout": self.layout,
            "points": _numbers(self.points, 2),
            "oval": _numbers(self.oval, 2),
            "pose": None if self.pose is None else self.pose.to_json(),
            "sharpness": round(self.sharpness, 4),
            "identity": _numbers(self.identity, 4),
        }

    @classmethod
    def from_json(cls, values: Any) -> FaceRecord:
        """The record of JSON values. Others than those of this version are passed over.

        Raises `DataError` for a value that is missing or of another kind.
        """
        read = _Reader(values)
        return cls(
            file=read.text("file"),
            picture=read.text("picture"),
            frame=read.whole("frame") if read.has("frame") else None,
            time=read.number("time") if read.has("time") else None,
            track=read.whole("track"),
            crop=read.one_of("crop", CROPS),
            size=read.whole("size", 1, LARGEST_SIDE),
            square=_invertible(read.array("square", (2, 3))),
            box=read.array("box", (4,)),
            score=read.number("score"),
            layout=read.one_of("layout", LAYOUTS),
            points=read.array("points", (COMMON_POINTS, 2)) if read.has("points") else None,
            oval=read.array("oval", (OVAL_POINTS, 2)) if read.has("oval") else None,
            pose=_pose(values["pose"]) if read.has("pose") else None,
            sharpness=read.number("sharpness"),
            identity=read.array("identity", (IDENTITY_NUMBERS,)) if read.has("identity") else None,
        )


def make_face_record(
    face: Face,
    *,
    file: str,
    picture: str,
    crop: str,
    size: int,
    square: np.ndarray,
    sharpness: float,
    identity: np.ndarray | None,
    track: int = 0,
    frame: int | None = None,
    time: float | None = None,
) -> FaceRecord:
    """The record of a face that was found, and of its crop. Points, outline and pose are those of the mesh."""
    has_mesh = face.layout == "mesh"
    return FaceRecord(
        file=file,
        picture=picture,
        frame=frame,
        time=time,
        track=track,
        crop=crop,
        size=size,
        square=square,
        box=face.box,
        score=face.score,
        layout=face.layout,
        points=sixty_eight(face) if has_mesh else None,
        oval=face.points[OVAL, :2] if has_mesh else None,
        pose=head_pose(face),
        sharpness=sharpness,
        identity=identity,
    )


def _numbers(values: np.ndarray | None, decimals: int) -> Any:
    return None if values is None else np.round(np.asarray(values, float), decimals).tolist()


class _Reader:
    """The values of a JSON object, each checked."""

    def __init__(self, values: Any) -> None:
        if not isinstance(values, Mapping):
            raise DataError("The record of a face is no JSON object.")
        missing = [each.name for each in fields(FaceRecord) if each.name not in values]
        if missing:
            raise DataError(f"The record of a face has no {', '.join(map(repr, missing))}.")
        self._values = values

    def has(self, name: str) -> bool:
        return self._values[name] is not None

    def text(self, name: str) -> str:
        value = self._values[name]
        if not isinstance(value, str):
            raise self._fault(name, "text")
        return value

    def one_of(self, name: str, known: tuple[str, ...]) -> str:
        value = self.text(name)
        if value not in known:
            raise self._fault(name, f"one of {', '.join(known)}")
        return value

    def whole(self, name: str, least: int = 0, most: int = MOST - 1) -> int:
        value = self._values[name]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self._fault(name, f"a whole number from {least}" + (f" to {most}" if most < MOST - 1 else ""))
        return value

    def number(self, name: str) -> float:
        value = self._values[name]
        if not _is_number(value):
            raise self._fault(name, "a number")
        return float(value)

    def array(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        found = _array(self._values[name], shape)
        if found is None:
            raise self._fault(name, f"{'x'.join(map(str, shape))} numbers of at most {LARGEST:g}")
        return found

    def _fault(self, name: str, expected: str) -> DataError:
        value = self._values[name]
        kind = an(type(value).__name__) if isinstance(value, list | dict) else one_line(repr(value), 60)
        return DataError(f"The record of a face has no usable {name!r}: expected {expected}. It has: {kind}.")


def _is_number(value: Any) -> TypeGuard[int | float]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < MOST


def _array(values: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """A nested list of numbers as an array of that shape, or None if it is none."""
    rows = [values]
    for length in shape:
        if any(not isinstance(row, list) or len(row) != length for row in rows):
            return None
        rows = [value for row in rows for value in row]
    if not all(_is_number(value) and abs(value) <= LARGEST for value in rows):
        return None
    return np.array(rows, float).reshape(shape)


def _invertible(square: np.ndarray) -> np.ndarray:
    if abs(np.linalg.det(square[:, :2])) < 1e-6:
        raise DataError("The record of a face has no usable 'square': it has no area.")
    return square


def _pose(values: Any) -> Pose:
    angles = [values.get(name) for name in ("yaw", "pitch", "roll")] if isinstance(values, Mapping) else [None]
    numbers = [float(each) for each in angles if _is_number(each) and abs(each) <= 360]
    if len(numbers) < 3:
        raise DataError("The record of a face has no usable 'pose': expected yaw, pitch and roll in degrees, or null.")
    return Pose(*numbers)
