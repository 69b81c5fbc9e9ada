"""Multi-scale structural similarity of random pairs: how alike a set's pictures are to one another.

Wang, Simoncelli & Bovik 2003, "Multi-scale structural similarity for image quality assessment", eq. 7, with the weights
of section 3.2. As a measure of diversity: Odena, Olah & Shlens 2017, arXiv:1610.09585, section 4.2; over 10,000 pairs:
Karras et al. 2018, arXiv:1710.10196, section 6. Neither high nor low is good: the real pictures' own value is.
Shape letters: N or P pairs, C H W.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from imagewright.errors import DataError
from imagewright.metrics.metric import Metric, Output, Pictures, Sample, Setting, Value
from imagewright.metrics.pictures.kept_pictures import KeptPictures
from imagewright.metrics.pictures.pairs import mean_over_pairs, random_pairs
from imagewright.metrics.pictures.structural_similarity import WINDOW, check_pair, similarity_parts

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # finest scale first
VALUES_AT_ONCE = 2**21  # of a block of pairs: its maps in float64 take a few hundred MiB at most


def scales_of(height: int, width: int) -> int:
    """How many scales a picture has room for: 5 from 176 pixels on, 3 at 64, 2 at 28, 1 from 11 on.

    Each scale is half the one before, and the coarsest must still hold a window.
    """
    return sum(min(height, width) >> scale >= WINDOW for scale in range(len(WEIGHTS)))


def multi_scale_similarity(first: Tensor, second: Tensor) -> Tensor:
    """MS-SSIM of each pair, float64 (N,), from 0 to 1. Pictures uint8 or float 0 to 255, (N, C, H, W).

    Where a picture has no room for all five scales, the weights of those it has are divided by their sum: values of
    pictures of different sizes do not compare. Colours and places are averaged at each scale; a mean correlation
    under 0, which has no power, counts as 0. Raises `DataError` as `structural_similarity` does.
    """
    check_pair(first, second)
    scales = scales_of(*first.shape[-2:])
    weights = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])
    first, second = first.double(), second.double()
    product = torch.ones(len(first), dtype=torch.float64)
    for scale, weight in enumerate(weights):
        luminance, parts = similarity_parts(first, second)
        if scale == scales - 1:
            parts = luminance * parts  # luminance counts at the coarsest scale alone (eq. 7)
        else:
            first, second = functional.avg_pool2d(first, 2), functional.avg_pool2d(second, 2)
        product *= parts.mean((1, 2, 3)).clamp(min=0) ** float(weight)
    return product


def similarity_of_pairs(pictures: Pictures, pairs: np.ndarray) -> np.ndarray:
    """MS-SSIM of pairs of rows int64 (P, 2), a block at a time: float64 (P,)."""
    kept = KeptPictures(pictures, np.unique(pairs))  # a picture comes in many pairs, and may be costly to make
    block = max(1, VALUES_AT_ONCE // math.prod(kept.shape))
    found = [
        multi_scale_similarity(*kept.pictures(part.T.ravel()).chunk(2))
        for part in (pairs[start : start + block] for start in range(0, len(pairs), block))
    ]
    return torch.cat(found).numpy()


def diversity(pictures: Pictures, pairs: int, seed: int, labels: np.ndarray | None = None) -> Value:
    """The mean MS-SSIM of `pairs` random pairs, with its interval; within classes where labels int64 (N,) are given."""
    chosen = random_pairs(len(pictures), pairs, seed, labels)
    return mean_over_pairs(similarity_of_pairs(pictures, chosen), chosen)


def _compute(sample: Sample, reference: Sample | None, setting: Setting) -> dict[str, Value]:
    assert reference is not None
    pairs, within = int(setting.options["pairs"]), bool(setting.options["within_class"])
    values = {}
    for name, part in (("ms_ssim", sample), ("ms_ssim_real", reference)):
        if within and part.labels is None:
            raise DataError(
                f"MS-SSIM within classes needs the class of each picture, and {part.source} has none: "
                "set within_class=false for pairs of any two pictures."
            )
        values[name] = diversity(part.pictures, pairs, setting.seed, part.labels if within else None)
    return values


METRIC = Metric(
    name="ms_ssim",
    outputs=(
        Output("ms_ssim", "MS-SSIM of pairs", None),
        Output("ms_ssim_real", "MS-SSIM of real pairs", None),
    ),
    needs=frozenset({"reference"}),
    compute=_compute,
    source="Wang et al. 2003; Odena et al. 2017, arXiv:1610.09585, section 4.2",
    least=2,
    advised=500,
    why_advised="with fewer pictures the same ones come in most pairs, and the mean is of them alone",
    options={"pairs": 10_000, "within_class": False},
)
