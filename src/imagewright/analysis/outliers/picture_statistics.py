"""Outliers by six numbers of a picture: brightness, contrast, detail, fineness, layout and colourfulness.

Black frames, grey placeholders, noise and blurred pictures are near the mean of varied photographs in every space of
pixels or edges, but their contrast or detail is that of no photograph. Each number is put in deviations from its median
over ordinary pictures, and the largest, in either direction, is the score.
Shape letters: N pictures.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from imagewright.analysis.feature_tables import BATCH, FeatureTable
from imagewright.analysis.outliers.scores import MethodScores, semi_deviations
from imagewright.analysis.spaces import at_working_size
from imagewright.images import Images
from imagewright.pixels import to_float

NAMES = ("brightness", "contrast", "detail", "fineness", "layout", "colourfulness")
GREY_LEVEL = 2 / 255
CELLS = 8  # a side, whose means are the layout
LEAST = (0.05, 0.1, 0.1, 0.1, 0.1, 0.1)  # the least deviation of each: of brightness in [-1, 1], and of logarithms
FAINT = 0.1  # deviations that mean nothing


class StatisticsFeatures:
    """The statistics of a picture, (N, 6): the mean in [-1, 1], and natural logarithms of the others.

    Contrast is the standard deviation of the luma, detail the mean length of its gradient, fineness detail by contrast,
    layout the contrast of the means of 8 x 8 cells by contrast, colourfulness the standard deviation of the differences
    between channels and luma. A grey level is added to each, so that the noise of an empty picture counts little.
    """

    name, resolution, block = "statistics", 1e-6, 512

    def resize(self, images: Images) -> Images:
        return at_working_size(images)

    def features(self, images: Tensor) -> Tensor:
        pixels = to_float(images)
        luma = pixels.mean(1)
        padded = functional.pad(luma[:, None], (0, 1, 0, 1), mode="replicate")[:, 0]
        across, down = padded[:, :-1, 1:] - luma, padded[:, 1:, :-1] - luma
        contrast = luma.flatten(1).std(1, unbiased=False)
        detail = torch.hypot(across, down).flatten(1).mean(1)
        colour = (pixels - luma[:, None]).square().mean((1, 2, 3)).sqrt()
        cells = functional.adaptive_avg_pool2d(luma[:, None], CELLS).flatten(1).std(1, unbiased=False)
        contrast, detail, cells, colour = torch.stack([contrast, detail, cells, colour]).add(GREY_LEVEL).log()
        return torch.stack([luma.mean((1, 2)), contrast, detail, detail - contrast, cells - contrast, colour], 1)


def score_statistics(scored: FeatureTable, learned: FeatureTable) -> MethodScores:
    """The largest deviation of each picture's statistics from their medians over the pictures learned from.

    These may be the same pictures: a median, and deviations by quantiles, are hardly changed by one picture.
    """
    rows, ordinary = (torch.cat(list(table.stream().batches(BATCH))).double().numpy() for table in (scored, learned))
    found = []
    for values in (rows, ordinary):
        each = [semi_deviations(values[:, k], ordinary[:, k], LEAST[k]) for k in range(len(NAMES))]
        found.append(_as_of_many(np.abs(np.stack(each)).max(0), len(ordinary)))
    return MethodScores(found[0], np.log(found[0] + FAINT), np.log(found[1] + FAINT))


def _as_of_many(deviations: np.ndarray, count: int) -> np.ndarray:
    """Deviations measured by `count` pictures, as those of a Gaussian: few pictures know their own deviation badly.

    The deviation of a Gaussian whose P-value is that of Student's t with count - 1 degrees of freedom (Student 1908).
    """
    from scipy.special import ndtri_exp
    from scipy.stats import t

    return -ndtri_exp(t.logsf(deviations, max(count - 1, 1)))
