"""A crop goes back into its frame: resampled once, at the frame's resolution, and only inside its mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from imagewright.faces.similarity import apply_affine, invert_affine, scale_of

FINER = 2  # pixels of the grid along a side of a pixel of the frame
FINEST_GRID = 4  # pixels of the grid along a side of a pixel of the crop, at most
TOLERANCE = 0.01 / 255  # mean residual of a solution of the Poisson equation, in values from 0 to 1
ITERATIONS = 500
SMALLEST = 16  # pixels along a side: such a grid is solved without a coarser one


@dataclass(frozen=True, eq=False)
class Region:
    """A part of a frame, and the new face in its pixels.

    Attributes:
        rows, columns: the part, inside the frame; both empty if no pixel of the frame is inside the mask.
        picture: float32 RGB (h, w, 3) from 0 to 1: the crop, resampled. It means something where the mask is not 0.
        mask: float32 (h, w).
    """

    rows: slice
    columns: slice
    picture: np.ndarray
    mask: np.ndarray

    @property
    def is_empty(self) -> bool:
        """Whether it changes no pixel."""
        return not self.mask.any()

    def of(self, frame: np.ndarray) -> np.ndarray:
        """A view of the part in a frame (H, W, ...)."""
        return frame[self.rows, self.columns]


def warp_back(crop: np.ndarray, mask: np.ndarray, square: np.ndarray, height: int, width: int) -> Region:
    """The part of a frame of (height, width) that a crop covers, with the crop and its mask resampled to its pixels.

    The crop is resampled by cubic interpolation, and by area if the frame's face has fewer pixels.

    crop: float RGB (S, S, 3) from 0 to 1.
    mask: (S', S'), of the same square; S' may be another number. It should be 0 at its border (`soften_mask`).
    square: (2, 3): from the unit square to pixels of the frame.
    """
    inside = np.argwhere(mask > 0)
    if not len(inside):
        return _empty_region()
    side = np.array(mask.shape[::-1], float)
    low, high = inside.min(0)[::-1] - 2, inside.max(0)[::-1] + 3
    corners = np.array([(x, y) for x in (low[0], high[0]) for y in (low[1], high[1])]) / side
    places = apply_affine(square, corners)
    start = np.clip(np.floor(places.min(0)).astype(int), 0, (width, height))
    end = np.clip(np.ceil(places.max(0)).astype(int), 0, (width, height))
    if (end <= start).any():
        return _empty_region()
    crop = np.asarray(crop, np.float32)
    colours = [_resample(crop[..., each], square, start, end, Image.Resampling.BICUBIC) for each in range(3)]
    weights = _resample(np.asarray(mask, np.float32), square, start, end, Image.Resampling.BILINEAR)
    rows, columns = slice(int(start[1]), int(end[1])), slice(int(start[0]), int(end[0]))
    return Region(rows, columns, np.clip(np.stack(colours, -1), 0, 1), np.clip(weights, 0, 1))


def _empty_region() -> Region:
    return Region(slice(0, 0), slice(0, 0), np.zeros((0, 0, 3), np.float32), np.zeros((0, 0), np.float32))


def _resample(
    values: np.ndarray, square: np.ndarray, start: np.ndarray, end: np.ndarray, kernel: Image.Resampling
) -> np.ndarray:
    """One channel (S, S) of a square in the pixels of a frame from `start` to `end` (x, y); 0 beyond the square.

    The channel is scaled to twice the frame's resolution by a separable kernel, which averages if it reduces. Of that
    grid, pixels are read by linear interpolation. (Pillow's own cubic transform distorts even a linear ramp.)
    """
    size, scale = len(values), max(scale_of(square), 1e-3)
    grid = int(np.clip(round(FINER * scale), 1, FINEST_GRID * size))
    image = Image.fromarray(np.ascontiguousarray(values)).resize((grid, grid), kernel)
    finer = FINER if scale < size else 1
    back = invert_affine(square)
    matrix = grid * np.concatenate([back[:, :2] / finer, (back[:, :2] @ start + back[:, 2])[:, None]], 1)
    width, height = ((end - start) * finer).tolist()
    made = image.transform((width, height), Image.Transform.AFFINE, tuple(matrix.flatten()), Image.Resampling.BILINEAR)
    return np.asarray(made.reduce(finer))


def blend(frame: np.ndarray, region: Region) -> np.ndarray:
    """A copy of a frame with a face in it. Pixels where the mask is 0 are the frame's own to the bit.

    frame: uint8 (H, W, 3).
    """
    made = frame.copy()
    if region.is_empty:
        return made
    own = region.of(frame).astype(np.float32)
    mixed = own + region.mask[..., None] * (region.picture * np.float32(255) - own)
    region.of(made)[...] = np.rint(mixed, out=mixed).astype(np.uint8)
    return made


def paste(frame: np.ndarray, crop: np.ndarray, mask: np.ndarray, square: np.ndarray) -> np.ndarray:
    """A copy of a frame with a crop in it: `warp_back` and `blend`, whose arguments it takes.

    If no pixel of the frame is inside the mask, the copy is the frame as it was.
    """
    return blend(frame, warp_back(crop, mask, square, *frame.shape[:2]))


def poisson_region(frame: np.ndarray, region: Region) -> Region:
    """A region whose face keeps its gradients and takes the frame's colours at the edge of the mask.

    Pérez et al. 2003, "Poisson Image Editing", equation 4, with the gradient of the face as guidance. It hides any step
    in colour, but draws the surroundings' colours in, and depends on each frame's edge: for stills, not for video.
    """
    inside = region.mask > 0
    if not inside.any() or inside.all():
        return region
    own = region.of(frame).astype(np.float32) / 255
    # The solution is the face plus a harmonic function that is the difference at the edge.
    change = _harmonic(np.where(inside[..., None], 0, own - region.picture), inside)
    picture = np.clip(region.picture + np.where(inside[..., None], change, 0), 0, 1, dtype=np.float32)
    return Region(region.rows, region.columns, picture, region.mask)


def _harmonic(known: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The function (H, W, 3) that is `known` outside and harmonic inside; at the border of the array its slope is 0.

    Conjugate gradients, from the solution on a grid of half the resolution.
    """
    start = known
    if min(inside.shape) > SMALLEST:
        start = np.where(inside[..., None], _coarser_solution(known, inside), known)
    degree = _sum_of_neighbours(np.ones_like(known))

    def laplacian(values: np.ndarray) -> np.ndarray:
        return np.where(inside[..., None], degree * values - _sum_of_neighbours(values), 0)

    solution = np.array(start, np.float32)
    residual = -laplacian(solution)
    direction, power = residual.copy(), np.square(residual).sum((0, 1))
    limit = TOLERANCE**2 * inside.sum()
    for _ in range(ITERATIONS):
        if (power <= limit).all():
            break
        image = laplacian(direction)
        step = power / np.maximum((direction * image).sum((0, 1)), 1e-20)
        solution += step * direction
        residual -= step * image
        last, power = power, np.square(residual).sum((0, 1))
        direction = residual + power / np.maximum(last, 1e-20) * direction
    return solution


def _coarser_solution(known: np.ndarray, inside: np.ndarray) -> np.ndarray:
    height, width = inside.shape
    pads = ((0, height % 2), (0, width % 2))
    outside = np.pad((~inside).astype(np.float32), pads, mode="edge")
    values = np.pad(known * (~inside)[..., None], (*pads, (0, 0)), mode="edge")
    counts = _sum_of_four(outside[..., None])
    coarse = _harmonic(_sum_of_four(values) / np.maximum(counts, 1), counts[..., 0] == 0)
    return coarse.repeat(2, 0).repeat(2, 1)[:height, :width]


def _sum_of_four(values: np.ndarray) -> np.ndarray:
    return values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]


def _sum_of_neighbours(values: np.ndarray) -> np.ndarray:
    total = np.zeros_like(values)
    total[1:] += values[:-1]
    total[:-1] += values[1:]
    total[:, 1:] += values[:, :-1]
    total[:, :-1] += values[:, 1:]
    return total
