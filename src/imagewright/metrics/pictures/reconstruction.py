"""How near reconstructions come to their pictures, pixel by pixel (PSNR) and window by window (SSIM).

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
from imagewright.metrics.metric import Metric, Output, Pictures, Sample, Setting, Value
from imagewright.metrics.pictures.structural_similarity import LEVELS, check_pair, said, structural_similarity
from imagewright.model import Model
from imagewright.pixels import to_float, to_uint8
from imagewright.seeds import derive_seed
from imagewright.verbs.blocks import LARGEST_BLOCK, in_blocks

AT_ONCE = 8 * LARGEST_BLOCK


def peak_signal_to_noise(first: Tensor, second: Tensor) -> Tensor:
    """PSNR of each pair in dB, float64 (N,). Pictures uint8 (N, C, H, W).

    Equal pictures, whose PSNR is infinite, count as if one of their numbers were one grey level off: 48.13 dB and 10
    log10 of how many numbers a picture has, which nothing that differs exceeds. A mean over pictures then stays finite.
    Raises `DataError` for unlike shapes.
    """
    if first.shape != second.shape:
        check_pair(first, second)
    numbers = first[0].numel()
    squares = (first.long() - second.long()).square().sum((1, 2, 3)).clamp(min=1)
    return 10 * (LEVELS**2 * numbers / squares.double()).log10()


def reconstructed(model: Model, pictures: Pictures, rows: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
    """Pictures of the rows int64 (n,), in blocks, each with what the model makes of them: uint8 (N, C, H, W).

    Raises `UserError` for a model that does not reconstruct, `DataError` for pictures that are not of its size.
    """
    coder = require(model, Reconstructs)

    def rebuilt(block: Tensor) -> Tensor:
        return to_uint8(coder.decode(coder.encode(to_float(block))))

    for start in range(0, len(rows), AT_ONCE):
        originals = pictures.pictures(rows[start : start + AT_ONCE])
        expected = (model.config.channels, *model.config.size)
        if tuple(originals.shape[1:]) != expected:
            channels, height, width = expected
            raise DataError(
                f"{catalogue.name_of(model)} rebuilds pictures of {height}x{width}x{channels}, but the reference has "
                f"pictures of {said(originals)}: open it at the model's size and channels."
            )
        yield originals, in_blocks(model, rebuilt, originals)


def rows_to_rebuild(count: int, at_most: int, seed: int) -> np.ndarray:
    """int64: all rows of `count`, or where there are more, `at_most` of them chosen by the seed, in rising order."""
    if count <= at_most:
        return np.arange(count)
    return np.sort(np.random.default_rng(derive_seed(seed, "rebuilt")).permutation(count)[:at_most])


def _compute(sample: Sample, reference: Sample | None, setting: Setting) -> dict[str, Value]:
    assert sample.model is not None
    assert reference is not None
    rows = rows_to_rebuild(len(reference), int(setting.options["pictures"]), setting.seed)
    signal, similarity = [], []
    for originals, rebuilt in reconstructed(sample.model, reference.pictures, rows):
        signal.append(peak_signal_to_noise(originals, rebuilt))
        similarity.append(structural_similarity(originals, rebuilt))
    return {
        "psnr": bootstrap(torch.cat(signal).numpy(), seed=setting.seed),
        "ssim": bootstrap(torch.cat(similarity).numpy(), seed=setting.seed),
    }


METRIC = Metric(
    name="reconstruction",
    outputs=(Output("psnr", "PSNR, dB", "higher"), Output("ssim", "SSIM", "higher")),
    needs=frozenset({"model", "reference"}),
    compute=_compute,
    source="Wang et al. 2004, doi:10.1109/TIP.2003.819861",
    least=1,
    options={"pictures": 10_000},
)
