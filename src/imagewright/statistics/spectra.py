"""The leading eigenvectors of the covariance of a stream of images: exact where pictures are small, Krylov where large.

Shape letters: N images, D pixels, K wanted, B rows of a block.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from imagewright.errors import ConfigError, DataError
from imagewright.model import Stream

USUAL_COMPONENTS = 64  # of a model that is not told how many
EXACT_PIXELS = 2048  # up to here the D x D covariance and its eigenvectors cost less than the passes they would save
STREAMED_IMAGES = 128  # images of one matrix product: large enough for the product to be the cost
MOST_PASSES = 24
# When to stop (see `_settled`): both far below 1e-4 in each variance and in the angle of the space they span.
RESIDUAL, ANGLE = 2e-3, 3e-5
RESOLUTION = 2e-6


@dataclass(frozen=True)
class Spectrum:
    """Mean (D,), orthonormal rows (K, D), variances (K,) in descending order and the variance of all pixels together.

    Variances have N - 1 in the denominator.
    """

    mean: Tensor
    basis: Tensor
    variances: Tensor
    total_variance: float

    @classmethod
    def empty(cls, pixels: int, components: int) -> Spectrum:
        return cls(torch.zeros(pixels), torch.zeros(components, pixels), torch.zeros(components), 0.0)

    def first(self, components: int) -> Spectrum:
        return Spectrum(self.mean, self.basis[:components], self.variances[:components], self.total_variance)

    def components_for(self, share: float) -> int | None:
        """How many components explain that share of the variance, or None where these do not reach it."""
        reached = self.variances.double().cumsum(0) / self.total_variance >= share - 1e-9
        return int(reached.int().argmax()) + 1 if bool(reached.any()) else None


def checked_spectrum(
    images: Stream, name: str, pixels: int, wanted: int | None, share: float | None = None, seed: int = 0
) -> Spectrum:
    """`leading_spectrum` for the model called `name`: `wanted` components, or those of `share`, or the usual number.

    Raises `DataError` for fewer than two pictures or all equal ones, `ConfigError` for more components than there
    can be.
    """
    if len(images) < 2:
        raise DataError(f"{name} needs two pictures or more, and there is {len(images)}: variance needs a difference.")
    possible = min(len(images) - 1, pixels)
    wanted = wanted or (None if share else min(USUAL_COMPONENTS, possible))
    if wanted is not None and wanted > possible:
        raise ConfigError(
            f"components={wanted}, but {len(images)} pictures of {pixels} pixel values "
            f"have at most {possible}: use --components {possible} or fewer."
        )
    spectrum = leading_spectrum(images, wanted, share, seed)
    if not spectrum.total_variance > 0:
        raise DataError(
            f"All pictures are equal: there is no direction in which they vary, so {name} has no component."
        )
    return spectrum


def leading_spectrum(images: Stream, wanted: int | None, share: float | None, seed: int) -> Spectrum:
    """`wanted` components, or as many as explain `share` of the variance."""
    first = next(images.batches(1))
    pixels, most = first[0].numel(), min(len(images) - 1, first[0].numel())
    if pixels <= EXACT_PIXELS:
        spectrum = _exact(images, pixels, most)
        return spectrum.first(wanted or _enough(spectrum, share) or most)
    if wanted:
        return _krylov(images, pixels, wanted, most, seed)
    guess = min(64, most)
    while True:
        spectrum = _krylov(images, pixels, guess, most, seed)
        enough = _enough(spectrum, share)
        if enough or guess == most:
            return spectrum.first(enough or most)
        guess = min(2 * guess, most)


def _enough(spectrum: Spectrum, share: float | None) -> int | None:
    return spectrum.components_for(share) if share and spectrum.total_variance > 0 else None


def _exact(images: Stream, pixels: int, most: int) -> Spectrum:
    """Through the covariance, summed in double precision around the first picture, so that nothing cancels."""
    count, total = 0, torch.zeros(pixels, dtype=torch.float64)
    products = torch.zeros(pixels, pixels, dtype=torch.float64)
    origin = next(images.batches(1)).flatten(1)[0]
    for batch in images.batches(STREAMED_IMAGES):
        rows = batch.flatten(1) - origin
        total += rows.sum(0, dtype=torch.float64)
        products += rows.T @ rows
        count += len(rows)
    mean = total / count
    covariance = (products - count * torch.outer(mean, mean)) / (count - 1)
    variances, vectors = torch.linalg.eigh(covariance)
    basis = signed(vectors.flip(1).T[:most].float())
    trace = float(covariance.diagonal().sum())
    # A set of equal pictures leaves rounding, not variance.
    trace = trace if trace > 1e-10 * pixels else 0.0
    return Spectrum((mean + origin).float(), basis, variances.flip(0)[:most].clamp(min=0).float(), trace)


def _krylov(images: Stream, pixels: int, wanted: int, most: int, seed: int) -> Spectrum:
    """Block Lanczos with full reorthogonalisation: every pass adds a block, until the wanted Ritz pairs stand still."""
    width = min(most, max(16, wanted // 2 + 8))
    generator = torch.Generator().manual_seed(seed)
    # The first block is random and lies outside the span of the pictures: room for all of that besides it. Memory is
    # taken only as rows are written.
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
        if filled == most_rows or (filled > wanted and _settled(residual.norm(dim=1), ritz)):
            break
        block = _orthogonal_to(space[:filled], products[filled - last : filled], most_rows - filled)
        last = len(block)
        space[filled : filled + last] = block
        _covariance_times(images, mean, space[filled : filled + last], products[filled : filled + last])
        filled += last
    basis, variances = _refined(images, mean, rotation @ space[:filled])
    return Spectrum(mean, basis, variances, total_variance)


def _settled(residuals: Tensor, ritz: Tensor) -> bool:
    """Whether the wanted Ritz pairs stand still: their variances, and the space they span.

    A variance is off by the square of its residual, the space by the angle residual / gap, the gap being that to the
    first variance left out. What single precision cannot resolve beside the largest variance is not waited for.
    """
    wanted = len(residuals)
    gap = ritz[wanted - 1] - ritz[wanted]
    of_the_space = torch.maximum(ANGLE * gap, RESOLUTION * ritz[0])
    return bool((residuals <= torch.minimum(RESIDUAL * ritz[:wanted], of_the_space)).all())


def _refined(images: Stream, mean: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """The same space, turned to the directions of its variances, and these: one pass, summed in double precision."""
    count, total = 0, torch.zeros(len(basis), dtype=torch.float64)
    products = torch.zeros(len(basis), len(basis), dtype=torch.float64)
    for batch in images.batches(STREAMED_IMAGES):
        coordinates = ((batch.flatten(1) - mean) @ basis.T).double()
        total += coordinates.sum(0)
        products.addmm_(coordinates.T, coordinates)
        count += len(batch)
    covariance = (products - torch.outer(total, total) / count) / (count - 1)
    variances, rotation = torch.linalg.eigh(_symmetric(covariance))
    return signed(rotation.flip(1).T.float() @ basis), variances.flip(0).clamp(min=0).float()


def _first_pass(images: Stream, block: Tensor, product: Tensor) -> tuple[Tensor, float]:
    """Mean and total variance, and the covariance times the block (B, D) into `product`: one pass, around an image."""
    origin = next(images.batches(1)).flatten(1)[0]
    count, total, squares = 0, torch.zeros(len(origin), dtype=torch.float64), 0.0
    product.zero_()
    for batch in images.batches(STREAMED_IMAGES):
        rows = batch.flatten(1) - origin
        count += len(rows)
        total += rows.sum(0, dtype=torch.float64)
        squares += float((rows * rows).sum(dtype=torch.float64))
        product.addmm_((rows @ block.T).T, rows)
    shift = total / count
    variance = (squares - count * float(shift.square().sum())) / (count - 1)
    shift = shift.float()
    product.sub_(torch.outer(block @ shift, shift * count)).div_(count - 1)
    # A set of equal pictures leaves rounding, not variance.
    return shift + origin, variance if variance > 1e-10 * len(origin) else 0.0


def _covariance_times(images: Stream, mean: Tensor, block: Tensor, product: Tensor) -> None:
    """The covariance times the block (B, D) into `product`, in one pass."""
    count = 0
    product.zero_()
    for batch in images.batches(STREAMED_IMAGES):
        rows = batch.flatten(1) - mean
        product.addmm_((rows @ block.T).T, rows)
        count += len(rows)
    product.div_(count - 1)


def _orthogonal_to(space: Tensor, block: Tensor, room: int) -> Tensor:
    """Orthonormal rows that span the block's part outside the space; twice, since once leaves rounding behind."""
    block = block[:room]
    for _ in range(2):
        block = torch.linalg.qr((block - (block @ space.T) @ space).T)[0].T
    return block


def _symmetric(matrix: Tensor) -> Tensor:
    return (matrix + matrix.T) / 2


def signed(basis: Tensor) -> Tensor:
    """The sign that makes each component's largest entry positive: two fits then agree to the picture."""
    largest = basis.gather(1, basis.abs().argmax(1, keepdim=True))
    return basis * torch.where(largest < 0, -1.0, 1.0)
