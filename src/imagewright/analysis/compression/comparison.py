"""Rate against distortion: what JPEG, PCA and autoencoders make of the same pictures with the same bits.

Whatever is fitted is fitted on a training part, and all are judged on the other pictures. Distortion is the peak
signal-to-noise ratio of the mean squared error over all judged pictures, and the mean structural similarity
(Wang et al. 2004, "Image quality assessment", with windows of 7x7).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imagewright.analysis.compression.coders import Coder
from imagewright.analysis.compression.methods import JPEG, at_one_size, coder_of, looked_up, note_seen_pictures, unlike
from imagewright.errors import ConfigError
from imagewright.images import Images
from imagewright.model import Model

QUALITIES = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
SHOWN = 4  # pictures on the sheet of crops
HALVINGS = 10  # of the knob, to meet a rate


@dataclass(frozen=True)
class Point:
    """One setting of a method, over all judged pictures. `psnr` is infinite where nothing is lost; `ssim` None where
    the pictures are too small for it; `file_bits_per_pixel`: with headers, where the method writes files."""

    setting: str
    bits_per_pixel: float
    psnr: float
    ssim: float | None
    file_bits_per_pixel: float | None = None


@dataclass(frozen=True)
class Curve:
    """A method's points, from few bits to many, and what the bits leave out."""

    method: str
    note: str
    decoder_bytes: int
    points: list[Point]


@dataclass(frozen=True)
class AtRate:
    """Pictures coded by a method at about one rate, each by itself: uint8 (N, C, H, W), bits a pixel, PSNR."""

    method: str
    pictures: Tensor
    bits_per_pixel: list[float]
    psnr: list[float]


@dataclass(frozen=True)
class Comparison:
    """What was found: the judged pictures, a curve a method, and some pictures at about equal rate."""

    images: Images
    judged: Images
    training_count: int
    curves: list[Curve]
    rate: float
    shown: Tensor
    shown_names: list[str]
    at_rate: list[AtRate]
    notes: list[str]

    def to_dict(self) -> dict[str, Any]:
        """For JSON; an infinite PSNR is None."""
        curves = [asdict(curve) for curve in self.curves]
        for curve in curves:
            for point in curve["points"]:
                point["psnr"] = finite_or_none(point["psnr"])
        return {
            "source": self.images.describe(),
            "judged": len(self.judged),
            "training": self.training_count,
            "rate_unit": "bits per pixel, all channels together",
            "psnr": "dB, of the mean squared error over all judged pictures",
            "ssim": "mean over the judged pictures, 7x7 windows",
            "curves": curves,
            "crops": {
                "bits_per_pixel_wanted": self.rate,
                "pictures": self.shown_names,
                "methods": [
                    {
                        "method": each.method,
                        "bits_per_pixel": each.bits_per_pixel,
                        "psnr": [finite_or_none(value) for value in each.psnr],
                    }
                    for each in self.at_rate
                ],
            },
            "notes": self.notes,
        }


def compare_compression(
    images: Images,
    methods: Sequence[str | Path | Model] = (JPEG, "pca"),
    *,
    count: int = 32,
    components: int = 128,
    qualities: Sequence[int] = QUALITIES,
    subsampling: str = "4:2:0",
    rate: float | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Comparison:
    """Compare ways of compressing pictures, judged on `count` of them (a quarter at most) spread over the set.

    `methods`: "jpeg"; "pca", or another model of the catalogue that is fitted in closed form; "pca-blocks" (PCA of 8x8
    blocks, the best linear transform in JPEG's place); runs, or their models, that rebuild pictures. `components`: of
    PCA of whole pictures, at most. `qualities`, `subsampling`: of JPEG. `rate`: bits a pixel of the crops; one that
    most methods reach by default.
    Raises `UserError` for a method that cannot take part, `DataError` for too few pictures.
    """
    if not methods:
        raise ConfigError("There is no method to compare: name jpeg, pca, or a run.")
    if count < 1:
        raise ConfigError(f"count={count}, but there must be one picture at least to judge by.")
    if components < 1:
        raise ConfigError(f"components={components}, but there must be one at least.")
    if not qualities or any(not 1 <= quality <= 100 for quality in qualities):
        raise ConfigError(f"qualities={tuple(qualities)}, but they are whole numbers from 1 to 100.")
    if rate is not None and not 0 < rate < math.inf:
        raise ConfigError(f"rate={rate}, but the crops need more than 0 bits a pixel.")
    notes: list[str] = []
    loaded = [looked_up(method) for method in methods]
    fitting = at_one_size(images, [model for _, model in loaded if isinstance(model, Model)], notes).prepare()
    chosen = np.linspace(0, len(fitting) - 1, min(count, max(1, len(fitting) // 4))).round().astype(np.int64)
    judged = fitting.subset(chosen)
    rest = np.setdiff1d(np.arange(len(fitting)), chosen)
    training = fitting.subset(rest) if len(rest) else None
    pictures = judged.batch(np.arange(len(judged))).images
    coders: list[Coder] = []
    for label, model in loaded:
        name = unlike(label, [coder.name for coder in coders])
        coders.append(coder_of(name, model, training, fitting.size, components, qualities, subsampling))
    note_seen_pictures(methods, coders, fitting, notes)
    total = sum(len(coder.settings) for coder in coders) + len(coders)
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    progress(0, total)
    curves = [_curve(coder, pictures, step) for coder in coders]
    aim = rate or _common_rate(curves)
    shown = np.linspace(0, len(judged) - 1, min(SHOWN, len(judged))).round().astype(np.int64)
    at_rate = []
    for coder in coders:
        at_rate.append(_at_rate(coder, pictures[shown], aim))
        step()
    names = [judged.name(int(index)) for index in shown]
    left = 0 if training is None else len(training)
    return Comparison(fitting, judged, left, curves, aim, pictures[shown], names, at_rate, notes)


def finite_or_none(value: float) -> float | None:
    """The value, or None where JSON has no word for it."""
    return value if math.isfinite(value) else None


def psnr_of(pictures: Tensor, rebuilt: Tensor) -> float:
    """The peak signal-to-noise ratio of uint8 pictures in dB, of the mean squared error over all of them."""
    error = float((pictures.double() - rebuilt.double()).square().mean())
    return 10 * math.log10(255**2 / error) if error else math.inf


def ssim_of(pictures: Tensor, rebuilt: Tensor) -> float | None:
    """The mean structural similarity of uint8 pictures (N, C, H, W); None below 3 pixels a side."""
    from skimage.metrics import structural_similarity

    side = min(7, *pictures.shape[2:])
    side -= (side + 1) % 2  # an odd window
    if side < 3:
        return None
    pairs = zip(pictures.numpy(), rebuilt.numpy(), strict=True)
    values = [structural_similarity(one, two, channel_axis=0, data_range=255, win_size=side) for one, two in pairs]
    return float(np.mean(values))


# The measurements


def _curve(coder: Coder, pictures: Tensor, step: Callable[[], None]) -> Curve:
    rows, pixels = coder.analysed(pictures), pictures.shape[2] * pictures.shape[3]
    points = []
    for setting in coder.settings:
        coded = coder.coded(rows, setting)
        whole = None if coded.file_bits is None else float(coded.file_bits.mean()) / pixels
        distortion = psnr_of(pictures, coded.rebuilt), ssim_of(pictures, coded.rebuilt)
        points.append(Point(coder.label(setting), float(coded.bits.mean()) / pixels, *distortion, whole))
        step()
    return Curve(coder.name, coder.note, coder.decoder_bytes, points)


def _common_rate(curves: Sequence[Curve]) -> float:
    """A rate that as many curves as possible reach, the higher one where two are alike: the middle of its stretch."""
    rates = [[max(point.bits_per_pixel, 1e-4) for point in curve.points] for curve in curves]
    spans = [(min(each), max(each) * (1 + 1e-6)) for each in rates]  # a curve of one point has a span, too
    ends = sorted({end for span in spans for end in span})
    middles = [math.sqrt(low * high) for low, high in pairwise(ends)]
    return max(middles, key=lambda middle: (sum(low <= middle <= high for low, high in spans), middle))


def _at_rate(coder: Coder, pictures: Tensor, rate: float) -> AtRate:
    """Each picture at the finest setting that costs no more than `rate`, or at the coarsest one."""
    pixels = pictures.shape[2] * pictures.shape[3]
    made, rates, quality = [], [], []
    for picture in pictures.split(1):
        rows = coder.analysed(picture)
        coarse, fine = float(coder.settings[0]), float(coder.settings[-1])
        if float(coder.bits(rows, fine)[0]) <= rate * pixels:
            coarse = fine
        for _ in range(HALVINGS if coarse < fine else 0):
            middle = math.sqrt(coarse * fine)
            if float(coder.bits(rows, middle)[0]) <= rate * pixels:
                coarse = middle
            else:
                fine = middle
        coded = coder.coded(rows, coarse)
        made.append(coded.rebuilt)
        rates.append(float(coded.bits[0]) / pixels)
        quality.append(psnr_of(picture, coded.rebuilt))
    return AtRate(coder.name, torch.cat(made), rates, quality)
