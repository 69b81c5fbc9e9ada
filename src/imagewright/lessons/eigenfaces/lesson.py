"""Lesson: pictures as a mean and a weighted sum of axes (PCA), and in two dimensions why an axis can be dropped.

Pearson 1901, "On lines and planes of closest fit"; Turk & Pentland 1991, "Eigenfaces for recognition".
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field

from imagewright.errors import DataError
from imagewright.images import Images, open_images
from imagewright.images.float_stream import FloatStream
from imagewright.lessons.base import LessonOutput, Numbers, define_lesson
from imagewright.lessons.eigenfaces import figures as draw
from imagewright.lessons.eigenfaces.plane import Plane, choose_plane
from imagewright.pixels import to_float
from imagewright.statistics.decomposition import Decomposition, decompose, measure_shares
from imagewright.statistics.fitting import fit_model

LARGEST_SIDE = 64
UNSEEN_SHARE = 0.1  # of the pictures are held out of the fit
LEAST = 8
STRIP = (0, 3, 10, 30, 50, 70, 90, 110, 130, 150)
POINTS = 400  # pictures drawn as points of the plane; more would cover each other
EACH = 2  # training pictures in the strip, and as many held-out ones


@define_lesson(figures=("axes", "strip", "variance", "basis"), animations=("turning",))
def eigenfaces(
    output: LessonOutput,
    *,
    pictures: Annotated[str, Field(description="a source of pictures, best of one kind and aligned")] = "faces",
    components: Annotated[int, Field(ge=2, le=2000, description="number of axes, or as many as there can be")] = 150,
) -> Numbers:
    """The mean, the axes, pictures rebuilt from k of them; a change of basis in 2-D, and the axis that is dropped."""
    images = _open_small(pictures)
    order = np.random.default_rng(0).permutation(len(images))
    held_out = max(EACH, round(UNSEEN_SHARE * len(images)))
    unseen, learned = images.subset(np.sort(order[:held_out])), images.subset(np.sort(order[held_out:]))
    output.progress(1, 4)
    parts = _fit_axes(learned, components)
    output.progress(2, 4)
    plane = choose_plane(_load_spread(learned, POINTS))
    shares = {
        "learned from": parts.cumulative_shares[: len(parts.axes)],
        "never seen": measure_shares(parts.mean, parts.axes, FloatStream(unseen)),
    }
    rows = {"learned from": _load_spread(learned, EACH), "never seen": _load_spread(unseen, EACH)}
    counts = [count for count in STRIP if count <= len(parts.axes)]
    rebuilt = {kind: torch.stack([parts.rebuild(each, counts) for each in some]) for kind, some in rows.items()}

    draw.axes(output, parts, len(learned))
    draw.strip(output, rows, rebuilt, counts)
    draw.variance(output, shares)
    draw.basis(output, plane)
    output.progress(3, 4)
    draw.turning(output, plane)
    output.progress(4, 4)
    return {
        "summary": _sentences(images, parts, shares, plane),
        **_numbers(parts, shares, rows, rebuilt, counts, plane),
    }


def _open_small(source: str) -> Images:
    """The pictures of a source, at most `LARGEST_SIDE` a side. Raises `DataError` for fewer than `LEAST`."""
    images = open_images(source)
    if max(images.size) > LARGEST_SIDE:
        shrink = LARGEST_SIDE / max(images.size)
        images = images.with_size((max(1, round(images.height * shrink)), max(1, round(images.width * shrink))))
    images.prepare()
    if len(images) < LEAST:
        raise DataError(f"pictures={source} holds {len(images)}: this lesson needs {LEAST} pictures or more.")
    return images


def _fit_axes(images: Images, wanted: int) -> Decomposition:
    most = min(len(images) - 1, images.channels * images.height * images.width)
    pca: Any = fit_model("pca", images, components=min(wanted, most))
    with torch.inference_mode():
        return decompose(pca, FloatStream(images), pca.explained_variance_ratio.double().cumsum(0))


def _load_spread(images: Images, count: int) -> torch.Tensor:
    """`count` pictures spread evenly over a set, (n, C, H, W) in [-1, 1]."""
    chosen = np.linspace(0, len(images) - 1, min(count, len(images))).astype(np.int64)
    return to_float(images.batch(chosen).images.contiguous())


def _sentences(images: Images, parts: Decomposition, shares: dict[str, torch.Tensor], plane: Plane) -> list[str]:
    count = len(parts.axes)
    learned, unseen = (float(share[-1]) for share in shares.values())
    enough = parts.components_for(0.9)
    return [
        f"{count} coordinates, in place of {images.channels * images.height * images.width} pixel values, explain "
        f"{learned:.1%} of the variance of the training pictures and {unseen:.1%} of that of held-out ones"
        + (f"; {enough} explain 90% of the former." if enough else "."),
        f"Two pixels have {plane.before[0]:.0%} and {plane.before[1]:.0%} of their variance together; after turning "
        f"the axes by {np.degrees(plane.angle):.0f} degrees the first has {plane.after[0]:.1%} of it, and the second "
        "can be dropped.",
    ]


def _numbers(
    parts: Decomposition,
    shares: dict[str, torch.Tensor],
    rows: dict[str, torch.Tensor],
    rebuilt: dict[str, torch.Tensor],
    counts: list[int],
    plane: Plane,
) -> Numbers:
    return {
        "components": len(parts.axes),
        "variance_explained_together": shares,
        "strip": {kind: {"k": counts, "error_in_grey_levels": draw.errors(rows[kind], rebuilt[kind])} for kind in rows},
        "basis": {
            "pixels_row_column": plane.places,
            "correlation": plane.correlation,
            "angle_degrees": np.degrees(plane.angle),
            "variance_shares_of_pixels": plane.before,
            "variance_shares_of_turned_axes": plane.after,
        },
    }
