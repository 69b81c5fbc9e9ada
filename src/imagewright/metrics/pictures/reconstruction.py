"""Reconstruction error: PSNR (pixel by pixel) and SSIM (window by window) of reconstructions.

PSNR: 10 log10(255^2 / mean squared error), in dB. SSIM: Wang et al. 2004, `structural_similarity.py`.
Shape letters: N pictures, C H W.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import Reconstructs, require
from imagewright.errors import DataError
from imagewright.metrics.intervals import bootstrap
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Pictures, Sample, Value
from imagewright.metrics.pictures.structural_similarity import LEVELS, check_pair, shape_text, structural_similarity
from imagewright.model import Model
from imagewright.pixels import size_text, to_float, to_uint8
from imagewright.seeds import derive_seed
from imagewright.verbs.blocks import LARGEST_BLOCK, in_blocks

AT_ONCE = 8 * LARGEST_BLOCK


def peak_signal_to_noise(first: Tensor, second: Tensor) -> Tensor:
    """PSNR of each pair in dB, float64 (N,).

    Equal pictures, whose PSNR is infinite, count as if one pixel value differed by one grey level: 48.13 dB plus
    10 log10 of the number of pixel values, the largest PSNR of pictures that differ. Means over pictures stay finite.

    first, second: pictures, uint8 (N, C, H, W).

    Raises `DataError` for different shapes.
    """
    if first.shape != second.shape:
        check_pair(first, second)
    numbers = first[0].numel()
    squares = (first.long() - second.long()).square().sum((1, 2, 3)).clamp(min=1)
    return 10 * (LEVELS**2 * numbers / squares.double()).log10()


def reconstruct_pairs(model: Model, pictures: Pictures, rows: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
    """Blocks of pictures with their reconstructions, both uint8 (N, C, H, W).

    model: reconstructs.
    pictures: by number.
    rows: int64 (n,).

    Raises `UserError` for a model that does not reconstruct, `DataError` for pictures of another size or channels.
    """
    coder = require(model, Reconstructs)

    def reconstruct(block: Tensor) -> Tensor:
        return to_uint8(coder.decode(coder.encode(to_float(block))))

    for start in range(0, len(rows), AT_ONCE):
        originals = pictures.pictures(rows[start : start + AT_ONCE])
        expected = (model.config.channels, *model.config.size)
        if tuple(originals.shape[1:]) != expected:
            channels, height, width = expected
            raise DataError(
                f"{catalogue.name_of(model)} reconstructs pictures of {size_text((height, width))}x{channels}, but the "
                f"reference has pictures of {shape_text(originals)}: open it at the model's size and channels."
            )
        yield originals, in_blocks(model, reconstruct, originals)


def choose_rows(count: int, at_most: int, seed: int) -> np.ndarray:
    """FeatureRows int64 in ascending order: all of `count`, or `at_most` of them chosen by the seed."""
    if count <= at_most:
        return np.arange(count)
    return np.sort(np.random.default_rng(derive_seed(seed, "rebuilt")).permutation(count)[:at_most])


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    assert sample.model is not None
    assert reference is not None
    rows = choose_rows(len(reference), int(context.options["pictures"]), context.seed)
    signal, similarity = [], []
    for originals, copies in reconstruct_pairs(sample.model, reference.pictures, rows):
        signal.append(peak_signal_to_noise(originals, copies))
        similarity.append(structural_similarity(originals, copies))
    return {
        "psnr": bootstrap(torch.cat(signal).numpy(), seed=context.seed),
        "ssim": bootstrap(torch.cat(similarity).numpy(), seed=context.seed),
    }


METRIC = Metric(
    name="reconstruction",
    outputs=(MetricOutput("psnr", "PSNR, dB", "higher"), MetricOutput("ssim", "SSIM", "higher")),
    needs=frozenset({"model", "reference"}),
    compute=_compute,
    source="Wang et al. 2004, doi:10.1109/TIP.2003.819861",
    summary="pixel and structural error of reconstructions",
    least=1,
    options={"pictures": 10_000},
)
