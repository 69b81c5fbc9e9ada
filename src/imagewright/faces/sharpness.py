"""How sharp a face is, whatever its size, its light and the crop that is made of it."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import laplace

from imagewright.faces.crops import cut_square, inner_square
from imagewright.faces.detail import LUMA
from imagewright.faces.detections import Face

SIDE = 128  # pixels of the square that is looked at
FLOOR = 1.0  # of the contrast: a plain patch has neither contrast nor detail


def measure_sharpness(picture: np.ndarray, face: Face) -> float:
    """Standard deviation of the Laplacian of luma over that of luma, in the square from the brows to the lips.

    The square is resampled to 128 pixels, so that an enlarged face is less sharp than a large one; faces of more pixels
    than that are equal. Light and contrast change nothing. About 0.1 for a blurred face, 0.5 for a sharp one.

    picture: uint8 (H, W, 3).
    """
    luma = cut_square(picture, inner_square(face), SIDE).astype(np.float32) @ LUMA
    return float(laplace(luma, mode="nearest").std() / max(float(luma.std()), FLOOR))
