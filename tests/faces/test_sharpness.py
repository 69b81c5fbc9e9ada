"""Sharpness: less for a blurred and for an enlarged face, the same in other light."""

from __future__ import annotations

import numpy as np
import pytest
from face_shapes import posed_face
from PIL import Image, ImageFilter
from skimage.data import astronaut

from imagewright.faces.pose import Pose
from imagewright.faces.sharpness import measure_sharpness


def test_blur_lowers_it_and_light_does_not_change_it() -> None:
    picture = astronaut()
    face = posed_face(Pose(0, 0, 0), centre=(225, 120), side=80)
    sharp = measure_sharpness(picture, face)
    values = [
        measure_sharpness(np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(blur))), face)
        for blur in (1, 2, 4)
    ]
    assert sharp > 1.3 * values[0] > 1.5 * values[1] > 1.5 * values[2]
    darker = np.round(picture * 0.5 + 20).astype(np.uint8)
    assert measure_sharpness(darker, face) == pytest.approx(sharp, rel=0.03)
    half = np.asarray(Image.fromarray(picture).resize((256, 256), Image.Resampling.BOX))
    small = posed_face(Pose(0, 0, 0), centre=(112.5, 60), side=40)
    assert measure_sharpness(half, small) < 0.9 * sharp
    assert measure_sharpness(np.full((90, 90, 3), 7, np.uint8), posed_face(Pose(0, 0, 0))) == 0
