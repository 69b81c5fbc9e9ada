"""LPIPS of reconstructions, and of random pairs: how different pictures look (`pretrained/perceptual.py`).

Zhang et al. 2018, arXiv:1801.03924. As a measure of diversity, the mean over random pairs: Zhu et al. 2017
(BicycleGAN), arXiv:1711.11586, section 5; Huang et al. 2018 (MUNIT), arXiv:1804.04732, section 5.2.
Shape letters: N pictures or pairs, P pairs, C H W.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from imagewright.metrics.intervals import bootstrap
from imagewright.metrics.metric import Metric, Output, Pictures, Sample, Setting, Value
from imagewright.metrics.pictures.kept_pictures import KeptPictures
from imagewright.metrics.pictures.pairs import mean_over_pairs, random_pairs
from imagewright.metrics.pictures.reconstruction import reconstructed, rows_to_rebuild
from imagewright.pixels import to_float
from imagewright.pretrained.perceptual import PerceptualDistance, open_perceptual

PIXELS_AT_ONCE = 2**19  # of a block of pairs: the maps of VGG take about half a KiB a pixel


def lpips_of(network: PerceptualDistance, first: Tensor, second: Tensor) -> Tensor:
    """LPIPS of each pair of pictures, uint8 or float in [-1, 1] (N, C, H, W), a block at a time: float32 (N,).

    Floats are taken as they are: rounded to grey levels, pictures that differ little would be the same.
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
    """The mean LPIPS of random pairs, higher is more diverse, with its interval; within groups given by labels (N,).

    Pairs within a group are what translation models are judged by: pictures made of one input, or of one class.
    """
    chosen = random_pairs(len(pictures), pairs, seed, labels)
    kept = KeptPictures(pictures, np.unique(chosen))
    at_once = max(1, PIXELS_AT_ONCE // math.prod(kept.shape[1:]))
    blocks = [chosen[start : start + at_once] for start in range(0, len(chosen), at_once)]
    values = [lpips_of(network, kept.pictures(block[:, 0]), kept.pictures(block[:, 1])) for block in blocks]
    return mean_over_pairs(torch.cat(values).numpy(), chosen)


def _compute(sample: Sample, reference: Sample | None, setting: Setting) -> dict[str, Value]:
    assert sample.model is not None
    assert reference is not None
    network = open_perceptual(str(setting.options["trunk"])).to(sample.model.device)
    rows = rows_to_rebuild(len(reference), int(setting.options["pictures"]), setting.seed)
    values = [lpips_of(network, *pair) for pair in reconstructed(sample.model, reference.pictures, rows)]
    return {"lpips": bootstrap(torch.cat(values).numpy(), seed=setting.seed)}


METRIC = Metric(
    name="lpips",
    outputs=(Output("lpips", "LPIPS of reconstructions", "lower"),),
    needs=frozenset({"model", "reference"}),
    compute=_compute,
    source="Zhang et al. 2018, arXiv:1801.03924, version 0.1",
    least=1,
    options={"trunk": "vgg", "pictures": 2_000},
)
