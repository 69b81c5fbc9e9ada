"""Crops with records, as `swap extract` writes them, for tests without networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from face_shapes import posed_face

from imagewright.faces.crop_records import FACE
from imagewright.faces.crops import crop_square
from imagewright.faces.detections import Face
from imagewright.faces.pose import Pose
from imagewright.faces.records import make_face_record
from imagewright.output.provenance import ENHANCED, make_record
from imagewright.output.writing import write_image


def write_face(
    folder: Path,
    name: str,
    *,
    yaw: float = 0,
    person: int | None = 0,
    sharpness: float = 0.2,
    side: float = 40,
    grey: int = 90,
) -> None:
    face = posed_face(Pose(yaw, 0, 0), side=side)
    identity = None if person is None else np.eye(128)[person] / 2**0.5
    if person is None:
        face = Face(face.box, np.array([(30, 37), (70, 37), (50, 57), (34, 75), (66, 75)], float), 1.0, "cascade")
    facts: dict[str, Any] = {"file": name, "picture": "a.jpg", "crop": "whole", "size": 16, "sharpness": sharpness}
    record = make_face_record(face, square=crop_square(face, "whole"), identity=identity, **facts)
    provenance = make_record("swap extract", model="networks", settings={FACE: record.to_json()}, source_type=ENHANCED)
    write_image(np.full((3, 16, 16), grey, np.uint8), folder / name, provenance)
