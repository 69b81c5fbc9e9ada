"""A new face fitted to its frame: colours along the edge, and all steps together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.data import astronaut

from imagewright.faces.colours import METHODS, ColourMethod
from imagewright.faces.compositing import Compositing, fit_face
from imagewright.faces.crops import cut_square
from imagewright.faces.edge_colours import even_edge
from imagewright.faces.masks import soften_mask
from imagewright.faces.pasting import blend, warp_back
from imagewright.faces.seams import colour_step, sharpness_step

FRAME = astronaut()[20:260, 80:360]
SQUARE = np.array([[150, -20, 75], [20, 150, 25.0]])  # around the face
AS_IT_IS = Compositing(colour="none", even=False, sharpen=False)


def oval(size: int) -> np.ndarray:
    down, across = np.indices((size, size)) / size - 0.5
    return soften_mask((np.hypot(down * 0.9, across) < 0.3).astype(np.float32))


def other_face(size: int = 96) -> np.ndarray:
    """The face in other colours, softer, and lit from the side."""
    crop = cut_square(FRAME, SQUARE, size).astype(np.float32) / 255
    crop = gaussian_filter(crop, (0.8, 0.8, 0)) * np.linspace(0.6, 1, size, dtype=np.float32)[None, :, None]
    return np.clip(crop * np.float32([0.7, 0.9, 1]) + np.float32([0, 0.05, 0.1]), 0, 1)


def steps(how: Compositing) -> tuple[float, float]:
    """The steps in colour and sharpness that are more than those of the untouched frame."""
    region = fit_face(FRAME, other_face(), oval(96), SQUARE, how)
    mask = np.zeros(FRAME.shape[:2], np.float32)
    region.of(mask)[...] = region.mask
    made = blend(FRAME, region)
    return (
        colour_step(made, mask) - colour_step(FRAME, mask),
        sharpness_step(made, mask) - sharpness_step(FRAME, mask),
    )


def test_an_edge_gets_the_colours_that_were_there_and_the_middle_keeps_its_own() -> None:
    mask = oval(200)
    footage = np.full((200, 200, 3), (0.6, 0.5, 0.4), np.float32) * np.linspace(0.7, 1.1, 200)[:, None, None]
    footage = footage.astype(np.float32)
    made = even_edge(np.full_like(footage, 0.5), mask, footage)
    ring = (mask > 0.9) & (gaussian_filter(mask, 6) < 0.85)
    assert np.abs(made - footage)[ring].mean() < 0.1 * np.abs(0.5 - footage)[ring].mean()
    spot = np.full_like(footage, 0.5)
    spot[90:110, 90:110] = 0.8
    np.testing.assert_allclose(even_edge(spot, mask, footage)[99] - made[99], spot[99] - 0.5, atol=1e-6)
    np.testing.assert_allclose(even_edge(footage, mask, footage), footage, atol=1e-6)
    np.testing.assert_array_equal(even_edge(footage, mask * 0, footage * 0), footage)


def test_the_whole_way_hides_the_step_in_colour_and_in_sharpness() -> None:
    before, after = steps(AS_IT_IS), steps(Compositing())
    assert before[0] > 10
    assert before[1] < -1.5
    assert abs(after[0]) < 1.5
    assert abs(after[1]) < abs(before[1]) / 3
    assert abs(steps(Compositing(even=False))[0]) > abs(after[0])
    assert abs(steps(Compositing(blend="poisson"))[0]) < before[0] / 4


@pytest.mark.parametrize("colour", METHODS)
def test_the_face_that_was_there_stays_as_it_was(colour: ColourMethod) -> None:
    crop = cut_square(FRAME, SQUARE, 151).astype(np.float32) / 255
    made = blend(FRAME, fit_face(FRAME, crop, oval(151), SQUARE, Compositing(colour=colour)))
    assert np.abs(made.astype(int) - FRAME).mean() < 0.6


@pytest.mark.parametrize("how", [Compositing(), Compositing(blend="poisson"), Compositing(colour="histogram")])
@pytest.mark.parametrize("shift", [(0, 0), (-110, -60), (150, 120), (900, 0)])
def test_nothing_changes_outside_the_mask(how: Compositing, shift: tuple[int, int]) -> None:
    square = SQUARE + np.array([[0, 0, shift[0]], [0, 0, shift[1]]])
    region = fit_face(FRAME, other_face(), oval(96), square, how)
    made = blend(FRAME, region)
    untouched = np.ones(FRAME.shape[:2], bool)
    region.of(untouched)[...] = region.mask == 0
    np.testing.assert_array_equal(made[untouched], FRAME[untouched])
    np.testing.assert_array_equal(region.mask, warp_back(other_face(), oval(96), square, *FRAME.shape[:2]).mask)
    assert region.is_empty == (shift[0] == 900)


def test_an_empty_mask_gives_the_frame() -> None:
    region = fit_face(FRAME, other_face(), oval(96) * 0, SQUARE)
    np.testing.assert_array_equal(blend(FRAME, region), FRAME)
