"""Leading eigenvectors of the covariance of a stream of images: exact for small pictures or few, else block Krylov.

In a block of `sharing_work` each pass is shared by the ranks, whose sums are added.

Shape letters: N images, D pixel values, K components, B rows of a block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from imagewright.errors import ConfigError, DataError
from imagewright.model import Stream
from imagewright.shared_work import SharedPass

DEFAULT_COMPONENTS = 64
EXACT_PIXELS = 2048  # up to this many pixel values the exact eigendecomposition costs less than passes over the images
EXACT_IMAGES = 512  # images of one product there: its sum is in single precision, sums of products in double
PARTIAL_SIDE, PARTIAL_SHARE = 512, 4  # from this side on, up to a fourth of all eigenvectors cost less than all
# Fewer pictures than half the pixel values, up to so many pictures and numbers in memory, have a Gram matrix that costs
# less than the covariance.
GRAM_IMAGES, GRAM_NUMBERS = 1024, 2**24
STREAMED_IMAGES = 128  # images of one matrix product: enough for the product to dominate the cost
MOST_PASSES = 24
USUAL_BLOCKS = 8  # of the Krylov iteration, for pictures of faces and for smooth colours
# Tolerances of `_has_converged`. The resulting errors of each variance and of the angle of the subspace are far below
# 1e-4.
RESIDUAL, ANGLE = 2e-3, 3e-5
RESOLUTION = 2e-6  # of single precision, relative to the largest variance


@dataclass(frozen=True)
class Spectrum:
    """The leading part of an eigendecomposition of the covariance. Variances have N - 1 in the denominator."""

    mean: Tensor  # (D,)
    basis: Tensor  # (K, D), orthonormal rows
    variances: Tensor  # (K,), descending
    total_variance: float  # the trace of the covariance
    all_variances: Tensor | None = None  # of all min(N - 1, D) components, descending, if they are known
    blocks: int | None = None  # of the Krylov iteration to count for a larger set; None if it was another solver

    @classmethod
    def empty(cls, pixels: int, components: int) -> Spectrum:
        """Zeros of the shapes of a spectrum."""
        return cls(torch.zeros(pixels), torch.zeros(components, pixels), torch.zeros(components), 0.0)

    def first(self, components: int) -> Spectrum:
        """The first components."""
        return replace(self, basis=self.basis[:components], variances=self.variances[:components])

    def components_for(self, share: float) -> int | None:
        """The number of components that explain `share` of the variance; None if these do not reach it."""
        reached = self.variances.double().cumsum(0) / self.total_variance >= share - 1e-9
        return int(reached.int().argmax()) + 1 if bool(reached.any()) else None


def compute_spectrum(
    images: Stream, name: str, pixels: int, wanted: int | None, share: float | None = None, seed: int = 0
) -> Spectrum:
    """`leading_spectrum` with checked arguments, for a model that users train.

    images: the pictures.
    name: of the model, for messages.
    pixels: D.
    wanted: number of components; None takes as many as explain `share`, or `DEFAULT_COMPONENTS`.
    share: of the variance.
    seed: of the Krylov iteration.

    Raises `DataError` for fewer than two pictures or if all are equal, `ConfigError` for more components than
    min(N - 1, D).
    """
    possible = _possible_components(len(images), name, pixels, wanted)
    wanted = wanted or (None if share else min(DEFAULT_COMPONENTS, possible))
    spectrum = leading_spectrum(images, wanted, share, seed)
    if not spectrum.total_variance > 0:
        raise _none_vary(name)
    return spectrum


def check_spectrum(images: Stream, name: str, pixels: int, wanted: int | None) -> None:
    """Raise what `compute_spectrum` would, after reading the first pictures alone if those differ.

    images, name, pixels, wanted: as for `compute_spectrum`.
    """
    _possible_components(len(images), name, pixels, wanted)
    if not pictures_vary(images):
        raise _none_vary(name)


def pictures_vary(images: Stream) -> bool:
    """Whether some picture differs from the first; reading ends at the first batch that has such a one."""
    first: Tensor | None = None
    for batch in images.batches(STREAMED_IMAGES):
        first = batch[:1].clone() if first is None else first
        if bool((batch != first).any()):
            return True
    return False


def _possible_components(count: int, name: str, pixels: int, wanted: int | None) -> int:
    """How many components so many pictures can have. Raises `UserError` for too few pictures or too many components."""
    if count < 2:
        raise DataError(f"{name} needs two pictures or more, and there is {count}: variance needs a difference.")
    possible = min(count - 1, pixels)
    if wanted is not None and wanted > possible:
        raise ConfigError(
            f"--components {wanted}, but {count} pictures of {pixels} pixel values "
            f"have at most {possible}: use --components {possible} or fewer."
        )
    return possible


def _none_vary(name: str) -> DataError:
    return DataError(f"All pictures are equal: there is no direction in which they vary, so {name} has no component.")


def leading_spectrum(images: Stream, wanted: int | None, share: float | None, seed: int) -> Spectrum:
    """The first `wanted` components, or as many as explain `share` of the variance, or all."""
    first = next(images.batches(1))
    pixels, most = first[0].numel(), min(len(images) - 1, first[0].numel())
    few = is_by_gram_matrix(len(images), pixels)
    if few or pixels <= EXACT_PIXELS:
        spectrum = _of_gram_matrix(images, pixels, most) if few else _exact(images, pixels, min(wanted or most, most))
        return spectrum.first(wanted or _components_for(spectrum, share) or most)
    if wanted:
        return _krylov(images, pixels, wanted, most, seed)
    tried = min(64, most)
    while True:
        spectrum = _krylov(images, pixels, tried, most, seed)
        enough = _components_for(spectrum, share)
        if enough or tried == most:
            return spectrum.first(enough or most)
        tried = min(2 * tried, most)


def is_by_gram_matrix(count: int, pixels: int) -> bool:
    """Whether so many pictures are few enough for the Gram matrix."""
    return count <= min(GRAM_IMAGES, pixels // 2) and count * pixels <= GRAM_NUMBERS


def block_width(wanted: int, most: int) -> int:
    """Rows of a block of the Krylov iteration.

    wanted: components.
    most: components that there can be.
    """
    return min(most, max(16, wanted // 2 + 8))


def _components_for(spectrum: Spectrum, share: float | None) -> int | None:
    return spectrum.components_for(share) if share and spectrum.total_variance > 0 else None


def _exact(images: Stream, pixels: int, wanted: int) -> Spectrum:
    """Eigendecomposition of the covariance, whose sums are float64 and around the first picture (no cancellation)."""
    count, total = 0, np.zeros(pixels)
    products = np.zeros((pixels, pixels))
    origin = next(images.batches(1)).flatten(1)[0]
    share = SharedPass(images, EXACT_IMAGES)
    for batch in share:
        rows = (batch.flatten(1) - origin).numpy()
        total += rows.sum(0, dtype=np.float64)
        products += rows.T @ rows  # NumPy computes one half of such a product and copies it, which torch does not
        count += len(rows)
    count, total, products = share.sums(count, total, products)
    mean = total / count
    products -= np.outer(count * mean, mean)
    products /= count - 1
    variances, vectors = _leading_eigenvectors(products, wanted)
    basis = fix_signs(vectors.flip(1).T.float())
    mean_picture = (torch.from_numpy(mean) + origin).float()
    trace = _trace(float(products.trace()), pixels)
    every = variances.flip(0).clamp(min=0).float()
    return Spectrum(mean_picture, basis, every[:wanted], trace, every[: min(count - 1, pixels)])


def _leading_eigenvectors(matrix: np.ndarray, count: int) -> tuple[Tensor, Tensor]:
    """All eigenvalues of a symmetric matrix, ascending, and the eigenvectors of the largest `count`, (D, count)."""
    side = len(matrix)
    if side < PARTIAL_SIDE or count > side // PARTIAL_SHARE:
        values, vectors = torch.linalg.eigh(torch.from_numpy(matrix))
        return values, vectors[:, -count:]
    from scipy.linalg import eigh_tridiagonal, lapack

    # As LAPACK's dsyevr, which however computes either all eigenvalues or some: reduce to a tridiagonal matrix T by
    # Householder reflections Q, then all eigenvalues of T, some of its eigenvectors, and these times Q.
    reduced, diagonal, beside, factors, _ = lapack.dsytrd(np.asfortranarray(matrix), lower=1, lwork=64 * side)
    values, _ = lapack.dsterf(diagonal, beside)
    vectors = eigh_tridiagonal(diagonal, beside, select="i", select_range=(side - count, side - 1), check_finite=False)[
        1
    ]
    reflections = np.asfortranarray(reduced[1:, :-1])
    vectors[1:] = lapack.dormqr("L", "N", reflections, factors, np.asfortranarray(vectors[1:]), lwork=64 * side)[0]
    return torch.from_numpy(values), torch.from_numpy(np.ascontiguousarray(vectors))


def _of_gram_matrix(images: Stream, pixels: int, most: int) -> Spectrum:
    """The same from the eigenvectors of the N x N Gram matrix: for fewer pictures than pixel values, all in memory."""
    held = np.concatenate([batch.flatten(1).numpy() for batch in images.batches(STREAMED_IMAGES)])
    mean = held[0] + (held - held[0]).mean(0, dtype=np.float64)
    rows = (held - mean).astype(np.float32)
    products = (rows @ rows.T).astype(np.float64) / (len(rows) - 1)
    variances, vectors = torch.linalg.eigh(torch.from_numpy(products))
    directions = vectors.flip(1).T[:most].float() @ torch.from_numpy(rows)
    # Directions of small variance are inexact multiples of each other: QR makes them orthonormal.
    basis = fix_signs(torch.linalg.qr(directions.T)[0].T.contiguous())
    trace = _trace(float(products.trace()), pixels)
    every = variances.flip(0)[:most].clamp(min=0).float()
    return Spectrum(torch.from_numpy(mean).float(), basis, every, trace, every)


def _trace(variance: float, pixels: int) -> float:
    """The total variance; for equal pictures only rounding remains, which is none."""
    return variance if variance > 1e-10 * pixels else 0.0


def _krylov(images: Stream, pixels: int, wanted: int, most: int, seed: int) -> Spectrum:
    """Block Lanczos with full reorthogonalisation: each pass adds a block until the Ritz pairs have converged."""
    width = block_width(wanted, most)
    generator = torch.Generator().manual_seed(seed)
    # The first block is random and may lie outside the span of the pictures, hence `most + width`. The operating system
    # allocates memory only as rows are written.
    most_rows = min(pixels, most + width, MOST_PASSES * width)
    space, products = torch.empty(most_rows, pixels), torch.empty(most_rows, pixels)
    space[:width] = torch.linalg.qr(torch.randn(pixels, width, generator=generator))[0].T
    mean, total_variance = _first_pass(images, space[:width], products[:width])
    filled = last = width
    while True:
        ritz, rotation = torch.linalg.eigh(_symmetric(space[:filled] @ products[:filled].T))
        ritz, rotation = ritz.flip(0), rotation.flip(1)[:, : min(wanted, filled)].T
        residual = rotation @ products[:filled]
        residual -= (rotation * ritz[: len(rotation), None]) @ space[:filled]
        if filled == most_rows or (filled > wanted and _has_converged(residual.norm(dim=1), ritz)):
            break
        block = _orthogonalise(space[:filled], products[filled - last : filled], most_rows - filled)
        last = len(block)
        space[filled : filled + last] = block
        _covariance_times(images, mean, space[filled : filled + last], products[filled : filled + last])
        filled += last
    basis, variances = _rayleigh_ritz(images, mean, rotation @ space[:filled])
    # A space that is full, as the pictures are few, does not tell how many blocks the pictures of a larger set take.
    blocks = MOST_PASSES if filled == most_rows > USUAL_BLOCKS * width else -(-filled // width)
    return Spectrum(mean, basis, variances, total_variance, blocks=max(blocks, USUAL_BLOCKS))


def _has_converged(residuals: Tensor, ritz: Tensor) -> bool:
    """Whether the wanted Ritz pairs have converged: their variances, and the subspace that they span.

    The error of a variance is of the order of its squared residual; the angle of the subspace is about residual / gap,
    where the gap is the one between the last wanted variance and the next. `RESOLUTION` bounds the accuracy that is
    asked for, since single precision resolves no more beside the largest variance.

    residuals: norms, (K,).
    ritz: values, descending, (more than K,).
    """
    wanted = len(residuals)
    gap = ritz[wanted - 1] - ritz[wanted]
    subspace_bound = torch.maximum(ANGLE * gap, RESOLUTION * ritz[0])
    return bool((residuals <= torch.minimum(RESIDUAL * ritz[:wanted], subspace_bound)).all())


def _rayleigh_ritz(images: Stream, mean: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """The eigenvectors and variances of the covariance restricted to the span of `basis` (K, D).

    One pass, with sums in double precision.
    """
    count, total = 0, torch.zeros(len(basis), dtype=torch.float64)
    products = torch.zeros(len(basis), len(basis), dtype=torch.float64)
    share = SharedPass(images, STREAMED_IMAGES)
    for batch in share:
        coordinates = ((batch.flatten(1) - mean) @ basis.T).double()
        total += coordinates.sum(0)
        products.addmm_(coordinates.T, coordinates)
        count += len(batch)
    count, total, products = share.sums(count, total, products)
    covariance = (products - torch.outer(total, total) / count) / (count - 1)
    variances, rotation = torch.linalg.eigh(_symmetric(covariance))
    return fix_signs(rotation.flip(1).T.float() @ basis), variances.flip(0).clamp(min=0).float()


def _first_pass(images: Stream, block: Tensor, product: Tensor) -> tuple[Tensor, float]:
    """The mean and the total variance, in one pass; writes the covariance times `block` (B, D) to `product`.

    Sums are around the first image, against cancellation.
    """
    origin = next(images.batches(1)).flatten(1)[0]
    count, total, squares = 0, torch.zeros(len(origin), dtype=torch.float64), 0.0
    product.zero_()
    share = SharedPass(images, STREAMED_IMAGES)
    for batch in share:
        rows = batch.flatten(1) - origin
        count += len(rows)
        total += rows.sum(0, dtype=torch.float64)
        squares += float((rows * rows).sum(dtype=torch.float64))
        product.addmm_((rows @ block.T).T, rows)
    count, total, squares, product = share.sums(count, total, squares, product)
    shift = total / count
    variance = (squares - count * float(shift.square().sum())) / (count - 1)
    shift = shift.float()
    product.sub_(torch.outer(block @ shift, shift * count)).div_(count - 1)
    return shift + origin, _trace(variance, len(origin))


def _covariance_times(images: Stream, mean: Tensor, block: Tensor, product: Tensor) -> None:
    """Write the covariance times `block` (B, D) to `product`, in one pass."""
    count = 0
    product.zero_()
    share = SharedPass(images, STREAMED_IMAGES)
    for batch in share:
        rows = batch.flatten(1) - mean
        product.addmm_((rows @ block.T).T, rows)
        count += len(rows)
    count, product = share.sums(count, product)
    product.div_(count - 1)


def _orthogonalise(space: Tensor, block: Tensor, most: int) -> Tensor:
    """Orthonormal rows that span the part of the block's first `most` rows outside `space`.

    Done twice: after once, rounding leaves components inside the space.
    """
    block = block[:most]
    for _ in range(2):
        block = torch.linalg.qr((block - (block @ space.T) @ space).T)[0].T
    return block


def _symmetric(matrix: Tensor) -> Tensor:
    return (matrix + matrix.T) / 2


def fix_signs(basis: Tensor) -> Tensor:
    """Flip rows so that the entry of largest magnitude is positive, which makes equal fits give equal pictures."""
    largest = basis.gather(1, basis.abs().argmax(1, keepdim=True))
    return basis * torch.where(largest < 0, -1.0, 1.0)
