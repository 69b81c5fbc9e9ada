"""The memory and the operations of the statistics that fits consist of, from sizes alone (`FitWork`).

The factors follow the arrays of each function in turn; `benchmarks/plan_accuracy.py` compares them with what is used.
Shape letters: N images, D pixel values, K components, B rows of a block.
"""

from __future__ import annotations

from imagewright.fit_work import DOUBLE, SINGLE, FitWork
from imagewright.statistics.spectra import (
    DEFAULT_COMPONENTS,
    EXACT_PIXELS,
    STREAMED_IMAGES,
    block_width,
    is_by_gram_matrix,
)

USUAL_BLOCKS = 6  # of the Krylov iteration, one a pass, and as many passes
COPIES_OF_BATCH = 4  # the bytes, the floats, the differences from the mean, and what is made of them


def batch_bytes(count: int, pixels: int, images: int = STREAMED_IMAGES) -> float:
    """Bytes of the pictures of one batch on their way into a sum; of `count` in all, `images` in a batch."""
    return float(SINGLE * COPIES_OF_BATCH * min(count, images) * pixels)


def moments_work(count: int, pixels: int) -> FitWork:
    """Of `mean_and_variance`."""
    batch = batch_bytes(count, pixels) + 2 * DOUBLE * min(count, STREAMED_IMAGES) * pixels
    return FitWork(batch + 4 * DOUBLE * pixels, 2 * SINGLE * pixels, 6.0 * count * pixels)


def spectrum_work(count: int, pixels: int, wanted: int | None) -> FitWork:
    """Of `compute_spectrum`.

    wanted: number of components, as many as there can be at most; None for the usual number.
    """
    most = max(1, min(count - 1, pixels))
    components = min(wanted or DEFAULT_COMPONENTS, most)
    kept = float(SINGLE * components * pixels)
    if is_by_gram_matrix(count, pixels):
        # Pictures, centred ones in double precision and in single, directions, and their orthonormal copies.
        operations = 2.0 * pixels * count**2 * 6 + 10.0 * count**3
        return FitWork(24.0 * count * pixels + 5 * DOUBLE * count**2, kept, operations)
    if pixels <= EXACT_PIXELS:
        operations = float(count * pixels**2) + 6.0 * pixels**3
        return FitWork(5.0 * DOUBLE * pixels**2 + 4 * batch_bytes(count, pixels), kept, operations)
    width = block_width(components, most)
    rows = min(pixels, most + width, max(USUAL_BLOCKS * width, components + width))
    passes = max(USUAL_BLOCKS, rows // width) + 1
    held = 2.0 * SINGLE * rows * pixels  # the space, and the covariance times it
    around = SINGLE * pixels * (3.0 * components + 2 * width) + batch_bytes(count, pixels)
    operations = 4.0 * count * pixels * width * passes + 8.0 * pixels * rows**2
    return FitWork(held + around, kept, operations)
