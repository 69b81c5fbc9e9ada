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
    USUAL_BLOCKS,
    block_width,
    is_by_gram_matrix,
)

SQUARES = 6  # of the side of the iteration's space: its products, their symmetric part, and the solver's arrays
# Operations are counted by the time of products of matrices in double precision; those in single precision take half.
READING = 120  # of one pixel value, from the cache to floats
COPIES_OF_BATCH = 4  # the bytes, the floats, the differences from the mean, and what is made of them


def batch_bytes(count: int, pixels: int, images: int = STREAMED_IMAGES) -> float:
    """Bytes of the pictures of one batch on their way into a sum; of `count` in all, `images` in a batch."""
    return float(SINGLE * COPIES_OF_BATCH * min(count, images) * pixels)


def moments_work(count: int, pixels: int) -> FitWork:
    """Of `mean_and_variance`."""
    batch = batch_bytes(count, pixels) + 2 * DOUBLE * min(count, STREAMED_IMAGES) * pixels
    return FitWork(batch + 4 * DOUBLE * pixels, 2 * SINGLE * pixels, (READING + 100.0) * count * pixels)


def spectrum_work(count: int, pixels: int, wanted: int | None, blocks: int | None = None) -> FitWork:
    """Of `compute_spectrum`.

    wanted: number of components, as many as there can be at most; None for the usual number.
    blocks: of the Krylov iteration, if a fit to some of the pictures told (`Spectrum.blocks`).
    """
    most = max(1, min(count - 1, pixels))
    components = min(wanted or DEFAULT_COMPONENTS, most)
    kept = float(SINGLE * components * pixels)
    if is_by_gram_matrix(count, pixels):
        # Pictures, centred ones in double precision and in single, directions, and their orthonormal copies.
        operations = 6.0 * pixels * count**2 + 10.0 * count**3 + READING * count * pixels
        return FitWork(20.0 * count * pixels + 5 * DOUBLE * count**2, kept, operations)
    if pixels <= EXACT_PIXELS:
        operations = float(count * pixels * (READING + pixels)) + 6.0 * pixels**3
        return FitWork(5.0 * DOUBLE * pixels**2 + 4 * batch_bytes(count, pixels), kept, operations)
    width = block_width(components, most)
    rows = min(pixels, most + width, max((blocks or USUAL_BLOCKS) * width, components + width))
    found = rows / width  # blocks, one a pass; after them one pass more
    # The space, and the covariance times it; products of the two.
    held = 2.0 * SINGLE * rows * pixels + SQUARES * SINGLE * rows**2
    # The basis and two of its size, or the basis and a batch.
    around = SINGLE * pixels * components + max(2.0 * SINGLE * pixels * components, batch_bytes(count, pixels))
    # After each pass products of all blocks, residuals, and the block made orthogonal to the others, by a slow solver.
    a_pixel = found * rows**2 / 3 + components * found * rows + (2 * rows + 20 * width) * rows
    operations = (READING + 2.0 * width) * count * pixels * (found + 1) + pixels * a_pixel + 1.2 * found * rows**3
    return FitWork(held + around, kept, operations)
