"""LPIPS of reconstructions, and of random pairs: a perceptual distance of pictures (`pretrained/perceptual.py`).

Zhang et al. 2018, arXiv:1801.03924. The mean over random pairs as a measure of diversity: Zhu et al. 2017 (BicycleGAN),
arXiv:1711.11586, section 5; Huang et al. 2018 (MUNIT), arXiv:1804.04732, section 5.2.
Shape letters: N pictures or pairs, P pairs, C H W.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from imagewright.metrics.intervals import bootstrap
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Pictures, Sample, Value
from imagewright.metrics.pictures.pairs import mean_over_pairs, random_pairs
from imagewright.metrics.pictures.reconstruction import choose_rows, reconstruct_pairs
from imagewright.metrics.pictures.stored_pictures import StoredPictures
from imagewright.pixels import to_float
from imagewright.pretrained.perceptual import PerceptualDistance, open_perceptual

PIXELS_AT_ONCE = 2**19  # of a block of pairs: the activations of VGG take about half a KiB per pixel


def lpips_distance(network: PerceptualDistance, first: Tensor, second: Tensor) -> Tensor:
    """LPIPS of each pair of pictures, float32 (N,).

    network: LPIPS with its weights.
    first, second: uint8, or float in [-1, 1], (N, C, H, W). Floats are not rounded to grey levels, which would make
        similar pictures equal.
    """
    device = network.shift.device
    at_once = max(1, PIXELS_AT_ONCE // math.prod(first.shape[-2:]))
    with torch.inference_mode():
        found = [
            network(_as_float(ours).to(device), _as_float(theirs).to(device)).cpu()
            for ours, theirs in zip(first.split(at_once), second.split(at_once), strict=True)
        ]
    return torch.cat(found)


def _as_float(images: Tensor) -> Tensor:
    return to_float(images) if images.dtype == torch.uint8 else images


def lpips_diversity(
    network: PerceptualDistance,
    pictures: Pictures,
    *,
    pairs: int = 1000,
    seed: int = 0,
    labels: np.ndarray | None = None,
) -> Value:
    """The mean LPIPS of random pairs, with its interval; higher is more diverse.

    network: LPIPS with its weights.
    pictures: by number.
    pairs: at most this number.
    seed: of the pairs.
    labels: groups int64 (N,): both pictures of a pair are of one group. Translation models are scored by pairs of
        outputs of the same input, or of one class.
    """
    chosen = random_pairs(len(pictures), pairs, seed, labels)
    stored = StoredPictures(pictures, np.unique(chosen))
    at_once = max(1, PIXELS_AT_ONCE // math.prod(stored.shape[1:]))
    blocks = [chosen[start : start + at_once] for start in range(0, len(chosen), at_once)]
    values = [lpips_distance(network, stored.pictures(block[:, 0]), stored.pictures(block[:, 1])) for block in blocks]
    return mean_over_pairs(torch.cat(values).numpy(), chosen)


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    assert sample.model is not None
    assert reference is not None
    network = open_perceptual(str(context.options["trunk"])).to(sample.model.device)
    rows = choose_rows(len(reference), int(context.options["pictures"]), context.seed)
    values = [lpips_distance(network, *pair) for pair in reconstruct_pairs(sample.model, reference.pictures, rows)]
    return {"lpips": bootstrap(torch.cat(values).numpy(), seed=context.seed)}


METRIC = Metric(
    name="lpips",
    outputs=(MetricOutput("lpips", "LPIPS of reconstructions", "lower"),),
    needs=frozenset({"model", "reference"}),
    compute=_compute,
    source="Zhang et al. 2018, arXiv:1801.03924, version 0.1",
    summary="perceptual distance of reconstructions from their pictures",
    least=1,
    options={"trunk": "vgg", "pictures": 2_000},
)
