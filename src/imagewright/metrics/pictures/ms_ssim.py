"""Multi-scale structural similarity of random pairs: how similar the pictures of a set are to one another.

Wang, Simoncelli & Bovik 2003, "Multi-scale structural similarity for image quality assessment", eq. 7, with the weights
of section 3.2. As a measure of diversity: Odena, Olah & Shlens 2017, arXiv:1610.09585, section 4.2; over 10,000 pairs:
Karras et al. 2018, arXiv:1710.10196, section 6. Neither direction is better: the value should be near that of the real
pictures.
Shape letters: N or P pairs, C H W.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from imagewright.errors import DataError
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Pictures, Sample, Value
from imagewright.metrics.pictures.pairs import mean_over_pairs, random_pairs
from imagewright.metrics.pictures.stored_pictures import StoredPictures
from imagewright.metrics.pictures.structural_similarity import WINDOW, check_pair, similarity_parts

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # finest scale first
VALUES_AT_ONCE = 2**21  # of a block of pairs: its float64 maps take a few hundred MiB at most


def scale_count(height: int, width: int) -> int:
    """The number of scales for a picture's size: 5 from 176 pixels on, 3 at 64, 2 at 28, 1 from 11 on.

    Each scale has half the size of the one before, and the coarsest must still contain a window.
    """
    return sum(min(height, width) >> scale >= WINDOW for scale in range(len(WEIGHTS)))


def multi_scale_similarity(first: Tensor, second: Tensor) -> Tensor:
    """MS-SSIM of each pair, float64 (N,), from 0 to 1.

    If a picture is too small for all five scales, the weights of its scales are divided by their sum, so values of
    different sizes are not comparable. Colours and positions are averaged at each scale; a negative mean, which has no
    fractional power, counts as 0.

    first, second: pictures, uint8 or float from 0 to 255, (N, C, H, W).

    Raises `DataError` as `structural_similarity` does.
    """
    check_pair(first, second)
    scales = scale_count(*first.shape[-2:])
    weights = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])
    first, second = first.double(), second.double()
    product = torch.ones(len(first), dtype=torch.float64)
    for scale, weight in enumerate(weights):
        luminance, parts = similarity_parts(first, second)
        if scale == scales - 1:
            parts = luminance * parts  # luminance enters at the coarsest scale only (eq. 7)
        else:
            first, second = functional.avg_pool2d(first, 2), functional.avg_pool2d(second, 2)
        product *= parts.mean((1, 2, 3)).clamp(min=0) ** float(weight)
    return product


def similarity_of_pairs(pictures: Pictures, pairs: np.ndarray) -> np.ndarray:
    """MS-SSIM of pairs of rows int64 (P, 2), computed in blocks: float64 (P,)."""
    stored = StoredPictures(pictures, np.unique(pairs))  # a picture is in many pairs, and may be costly to compute
    block = max(1, VALUES_AT_ONCE // math.prod(stored.shape))
    found = [
        multi_scale_similarity(*stored.pictures(part.T.ravel()).chunk(2))
        for part in (pairs[start : start + block] for start in range(0, len(pairs), block))
    ]
    return torch.cat(found).numpy()


def mean_similarity(pictures: Pictures, pairs: int, seed: int, labels: np.ndarray | None = None) -> Value:
    """The mean MS-SSIM of random pairs, with its interval.

    pictures: by number.
    pairs: at most this number.
    seed: of the pairs.
    labels: int64 (N,): both pictures of a pair are of one class; None for any two pictures.
    """
    chosen = random_pairs(len(pictures), pairs, seed, labels)
    return mean_over_pairs(similarity_of_pairs(pictures, chosen), chosen)


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    assert reference is not None
    pairs, within = int(context.options["pairs"]), bool(context.options["within_class"])
    values = {}
    for name, part in (("ms_ssim", sample), ("ms_ssim_real", reference)):
        if within and part.labels is None:
            raise DataError(
                f"MS-SSIM within classes needs the class of each picture, and {part.source} has none: "
                "set within_class=false for pairs of any two pictures."
            )
        values[name] = mean_similarity(part.pictures, pairs, context.seed, part.labels if within else None)
    return values


METRIC = Metric(
    name="ms_ssim",
    outputs=(
        MetricOutput("ms_ssim", "MS-SSIM of pairs", None),
        MetricOutput("ms_ssim_real", "MS-SSIM of real pairs", None),
    ),
    needs=frozenset({"reference"}),
    compute=_compute,
    source="Wang et al. 2003; Odena et al. 2017, arXiv:1610.09585, section 4.2",
    summary="similarity of pictures to one another, beside that of real ones",
    least=2,
    advised=500,
    why_advised="with fewer pictures most pairs share a picture, and the mean depends on those few",
    options={"pairs": 10_000, "within_class": False},
)
