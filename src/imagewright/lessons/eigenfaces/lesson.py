"""Lesson: pictures as a mean and a sum of axes. Eigenfaces by k, and in two dimensions why an axis may be dropped.

Pearson 1901, "On lines and planes of closest fit"; Turk & Pentland 1991, "Eigenfaces for recognition".
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field

from imagewright import catalogue
from imagewright.errors import DataError
from imagewright.images import Images, open_images
from imagewright.images.float_stream import FloatStream
from imagewright.lessons.base import Numbers, Place, lesson
from imagewright.lessons.eigenfaces import figures as draw
from imagewright.lessons.eigenfaces.plane import Plane, plane_of
from imagewright.pixels import to_float
from imagewright.statistics.decomposition import Decomposition, decomposed, measured_shares

LARGEST_SIDE = 64
UNSEEN_SHARE = 0.1  # of the pictures are kept apart: what the axes do for pictures that they were not learned from
LEAST = 8
STRIP = (0, 3, 10, 30, 50, 70, 90, 110, 130, 150)
POINTS = 400  # pictures drawn as points of the plane: more hide each other
EACH = 2  # pictures of the strip that were learned from, and as many that were not


@lesson(figures=("axes", "strip", "variance", "basis"), animations=("turning",))
def eigenfaces(
    place: Place,
    *,
    pictures: Annotated[str, Field(description="a source of pictures, best of one kind and aligned")] = "faces",
    components: Annotated[int, Field(ge=2, le=2000, description="axes to look at, where there are as many")] = 150,
) -> Numbers:
    """The mean, the axes, pictures rebuilt from k of them; a change of basis in 2-D, and the axis that is dropped."""
    images = _opened(pictures)
    order = np.random.default_rng(0).permutation(len(images))
    apart = max(EACH, round(UNSEEN_SHARE * len(images)))
    unseen, learned = images.subset(np.sort(order[:apart])), images.subset(np.sort(order[apart:]))
    place.progress(1, 4)
    parts = _axes_of(learned, components)
    place.progress(2, 4)
    plane = plane_of(_floats(learned, POINTS))
    shares = {
        "learned from": parts.shares[: len(parts.axes)],
        "never seen": measured_shares(parts.mean, parts.axes, FloatStream(unseen)),
    }
    rows = {"learned from": _floats(learned, EACH), "never seen": _floats(unseen, EACH)}
    counts = [count for count in STRIP if count <= len(parts.axes)]
    rebuilt = {kind: torch.stack([parts.rebuilt(each, counts) for each in some]) for kind, some in rows.items()}

    draw.axes(place, parts, len(learned))
    draw.strip(place, rows, rebuilt, counts)
    draw.variance(place, shares)
    draw.basis(place, plane)
    place.progress(3, 4)
    draw.turning(place, plane)
    place.progress(4, 4)
    return {
        "summary": _sentences(images, parts, shares, plane),
        **_numbers(parts, shares, rows, rebuilt, counts, plane),
    }


def _opened(source: str) -> Images:
    images = open_images(source)
    if max(images.size) > LARGEST_SIDE:
        shrink = LARGEST_SIDE / max(images.size)
        images = images.with_size((max(1, round(images.height * shrink)), max(1, round(images.width * shrink))))
    images.prepare()
    if len(images) < LEAST:
        raise DataError(f"pictures={source} holds {len(images)}: this lesson needs {LEAST} pictures or more.")
    return images


def _axes_of(images: Images, wanted: int) -> Decomposition:
    most = min(len(images) - 1, images.channels * images.height * images.width)
    pca = catalogue.model_class("pca")
    model: Any = pca(pca.Config(size=images.size, channels=images.channels, components=min(wanted, most)))  # type: ignore[call-arg, arg-type]
    with torch.inference_mode():
        model.fit(FloatStream(images))
        return decomposed(model, FloatStream(images), model.explained_variance_ratio.double().cumsum(0))


def _floats(images: Images, count: int) -> torch.Tensor:
    """That many pictures from all over a set, (n, C, H, W) in [-1, 1]."""
    chosen = np.linspace(0, len(images) - 1, min(count, len(images))).astype(np.int64)
    return to_float(images.batch(chosen).images.contiguous())


def _sentences(images: Images, parts: Decomposition, shares: dict[str, torch.Tensor], plane: Plane) -> list[str]:
    count = len(parts.axes)
    learned, unseen = (float(share[-1]) for share in shares.values())
    enough = parts.components_for(0.9)
    return [
        f"Of {images.channels * images.height * images.width} numbers a picture, {count} keep {learned:.1%} of the "
        f"variance of the pictures that the axes were learned from and {unseen:.1%} of that of others"
        + (f"; {enough} keep 90% of the former." if enough else "."),
        f"Two pixels vary by {plane.before[0]:.0%} and {plane.before[1]:.0%} of their variance together; after turning "
        f"the axes by {np.degrees(plane.angle):.0f} degrees one has {plane.after[0]:.1%} of it, and the other may go.",
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
