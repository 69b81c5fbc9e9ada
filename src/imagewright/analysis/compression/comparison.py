"""Rate-distortion comparison of JPEG, PCA and trained models on the same pictures.

Models are fitted to a training part, and all methods are tested on the other pictures. Distortion is the peak
signal-to-noise ratio of the mean squared error over all test pictures, and the mean structural similarity
(Wang et al. 2004, "Image quality assessment", with windows of 7x7).
"""

from __future__ import annotations

import json
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
from imagewright.analysis.compression.distortion import Distortion, measure_psnr
from imagewright.analysis.compression.methods import (
    JPEG,
    at_one_size,
    build_coder,
    note_jpegs,
    note_seen_pictures,
    resolve_method,
    unique_label,
)
from imagewright.errors import ConfigError, count_text
from imagewright.files import written_together
from imagewright.images import Images, open_images
from imagewright.model import Model
from imagewright.notebooks import NotebookDisplay
from imagewright.output.tables import write_table
from imagewright.output.writing import new_file, refuse_existing, write_image
from imagewright.progress import Progress, ProgressCounter
from imagewright.reprs import MORE, WRITES, names_text, short_repr
from imagewright.versions import versions

QUALITIES = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
PLOT, CROPS, JSON, CSV = "rate_distortion.png", "crops.png", "results.json", "results.csv"
FILES = (PLOT, CROPS, JSON, CSV)
SHOWN = 4  # pictures on the sheet of crops
BISECTIONS = 10  # of a setting, to meet a rate


@dataclass(frozen=True, kw_only=True)
class RatePoint:
    """One setting of a method, measured over all test pictures."""

    setting: str
    bits_per_pixel: float
    psnr: float  # dB; infinite if nothing is lost
    ssim: float | None  # None for pictures of less than 3 pixels a side
    file_bits_per_pixel: float | None = None  # with headers, for methods that write files


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The rate-distortion curve of a method."""

    method: str
    note: str  # what the bits include, and what they leave out
    decoder_bytes: int
    points: list[RatePoint]  # from few bits to many


@dataclass(frozen=True, kw_only=True)
class PicturesAtRate:
    """N pictures coded by a method at about one rate, each with a setting of its own."""

    method: str
    pictures: Tensor  # decoded, uint8 (N, C, H, W)
    bits_per_pixel: list[float]
    psnr: list[float]


@dataclass(frozen=True, kw_only=True)
class CompressionComparison(NotebookDisplay):
    """What `compress` returns: a curve of each method, and some pictures at about equal rate."""

    images: Images
    test: Images
    training_count: int  # pictures that models were fitted to
    curves: list[Curve]
    rate: float  # bits per pixel of the crops
    shown: Tensor  # the test pictures of the crops, uint8 (N, C, H, W)
    shown_names: list[str]
    at_rate: list[PicturesAtRate]  # of each method
    notes: list[str]

    def __repr__(self) -> str:
        what = f"{names_text([curve.method for curve in self.curves])} on {len(self.test):,} pictures"
        return short_repr(self, what, WRITES, MORE)

    def to_dict(self) -> dict[str, Any]:
        """All numbers, ready for JSON; an infinite PSNR is None."""
        curves = [asdict(curve) for curve in self.curves]
        for curve in curves:
            for point in curve["points"]:
                point["psnr"] = _finite_or_none(point["psnr"])
        return {
            "source": self.images.describe(),
            "test_pictures": len(self.test),
            "training_pictures": self.training_count,
            "rate_unit": "bits per pixel, all channels together",
            "psnr": "dB, of the mean squared error over all test pictures",
            "ssim": "mean over the test pictures, 7x7 windows",
            "curves": curves,
            "crops": {
                "bits_per_pixel_wanted": self.rate,
                "pictures": self.shown_names,
                "methods": [
                    {
                        "method": each.method,
                        "bits_per_pixel": each.bits_per_pixel,
                        "psnr": [_finite_or_none(value) for value in each.psnr],
                    }
                    for each in self.at_rate
                ],
            },
            "notes": self.notes,
        }

    def lines(self) -> list[str]:
        """A summary in sentences: notes, and each method at its fewest and its most bits."""
        lines = [
            *self.notes,
            f"{count_text(len(self.test), 'test picture')}, {self.training_count:,} others to fit on.",
        ]
        for curve in self.curves:
            ends = [curve.points[0], curve.points[-1]] if len(curve.points) > 1 else curve.points
            rates = "; ".join(
                f"{point.bits_per_pixel:.3g} bits per pixel, {point.psnr:.2f} dB ({point.setting})" for point in ends
            )
            size = f" The decoder has {curve.decoder_bytes / 2**20:,.1f} MiB." if curve.decoder_bytes else ""
            lines.append(f"{curve.method}: {rates}.{size}")
        return lines

    @written_together()
    def write(self, folder: str | Path, *, force: bool = False) -> list[Path]:
        """Write `rate_distortion.png`, `crops.png`, `results.json` and `results.csv`; returns their paths.

        folder: created if it is missing.
        force: whether to replace existing files.

        Raises `RunError` if a file exists (without `force`) or cannot be written.
        """
        from imagewright.analysis.compression.figures import draw_crops, write_curves
        from imagewright.output.provenance import COMPOSITE, make_record

        folder = Path(folder)
        refuse_existing([folder / name for name in FILES], force=force)
        record = make_record(
            "compress",
            model=", ".join(curve.method for curve in self.curves),
            settings={"test_pictures": len(self.test)},
            source_type=COMPOSITE,
        )
        with new_file(folder / JSON, force=force) as file:
            file.write((json.dumps(self.to_dict() | {"versions": versions()}, indent=2) + "\n").encode())
        write_table(folder / CSV, *self._table(), force=force)
        write_image(draw_crops(self), folder / CROPS, record, force=force)
        write_curves(self, folder / PLOT, record, force=force)
        return [folder / name for name in FILES]

    def _table(self) -> tuple[list[str], list[list[str]]]:
        rows = []
        for curve in self.curves:
            for point in curve.points:
                numbers = [point.bits_per_pixel, point.psnr, point.ssim, point.file_bits_per_pixel]
                texts = ["" if each is None else f"{each:.6g}" for each in numbers]
                rows.append([curve.method, point.setting, *texts])
        return ["method", "setting", "bits_per_pixel", "psnr", "ssim", "file_bits_per_pixel"], rows


def compress(
    source: Any,
    methods: Sequence[str | Path | Model] = (JPEG, "pca"),
    *,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    split: str | None = None,
    count: int = 32,
    components: int = 128,
    qualities: Sequence[int] = QUALITIES,
    subsampling: str = "4:2:0",
    rate: float | None = None,
    progress: Progress | None = None,
) -> CompressionComparison:
    """Compare methods of lossy compression on the same pictures.

    source: as for `open_images`.
    methods: "jpeg"; "pca", or another model that is fitted in closed form; "pca-blocks" (PCA of 8x8 blocks, the optimal
        linear transform in place of JPEG's cosines); runs, or their models, that reconstruct pictures.
    size: of the pictures; the runs' or the source's own by default.
    channels: 1 or 3.
    split: a part of the source.
    count: test pictures, spread over the set; at most a quarter of it. Models are fitted to the others.
    components: the most components of models that are fitted here.
    qualities: of JPEG, 1 to 100.
    subsampling: of JPEG's chrominance.
    rate: bits per pixel of the crops; by default one that as many methods as possible reach.
    progress: called with (done, total).

    Raises `UserError` for a method that cannot be compared, `ConfigError` for other wrong options, `DataError` for too
    few pictures.
    """
    _check_options(methods, count, components, qualities, rate)
    images = open_images(source, size, channels, split=split)
    notes: list[str] = []
    resolved = [resolve_method(method) for method in methods]
    images = at_one_size(images, [model for _, model in resolved if isinstance(model, Model)], notes).prepare()
    chosen = np.linspace(0, len(images) - 1, min(count, max(1, len(images) // 4))).round().astype(np.int64)
    test = images.subset(chosen)
    rest = np.setdiff1d(np.arange(len(images)), chosen)
    training = images.subset(rest) if len(rest) else None
    pictures = test.batch(np.arange(len(test))).images
    coders: list[Coder] = []
    for label, model in resolved:
        name = unique_label(label, [coder.name for coder in coders])
        coders.append(build_coder(name, model, training, images.size, components, qualities, subsampling))
    note_seen_pictures(methods, coders, images, notes)
    note_jpegs(images, notes)
    counter = ProgressCounter(sum(len(coder.settings) for coder in coders) + len(coders), progress)
    counter.report()
    distortion = Distortion(pictures)
    curves = [_measure_curve(coder, pictures, distortion, counter.advance) for coder in coders]
    rate = rate or _common_rate(curves)
    shown = np.linspace(0, len(test) - 1, min(SHOWN, len(test))).round().astype(np.int64)
    at_rate = []
    for coder in coders:
        at_rate.append(_code_at_rate(coder, pictures[shown], rate))
        counter.advance()
    return CompressionComparison(
        images=images,
        test=test,
        training_count=len(rest),
        curves=curves,
        rate=rate,
        shown=pictures[shown],
        shown_names=[test.name(int(index)) for index in shown],
        at_rate=at_rate,
        notes=notes,
    )


def _check_options(
    methods: Sequence[Any], count: int, components: int, qualities: Sequence[int], rate: float | None
) -> None:
    if not methods:
        raise ConfigError("There is no method to compare: name jpeg, pca, or a run.")
    if count < 1:
        raise ConfigError(f"count={count}, but there must be one picture at least to test on.")
    if components < 1:
        raise ConfigError(f"components={components}, but there must be one at least.")
    if not qualities or any(not 1 <= quality <= 100 for quality in qualities):
        raise ConfigError(f"qualities={tuple(qualities)}, but they are whole numbers from 1 to 100.")
    if rate is not None and not 0 < rate < math.inf:
        raise ConfigError(f"rate={rate}, but the crops need more than 0 bits a pixel.")


def _finite_or_none(value: float) -> float | None:
    """The value, or None if it is not finite, which JSON cannot hold."""
    return value if math.isfinite(value) else None


def _measure_curve(coder: Coder, pictures: Tensor, distortion: Distortion, advance: Callable[[], None]) -> Curve:
    rows, pixels = coder.analyse(pictures), pictures.shape[2] * pictures.shape[3]
    points = []
    for setting in coder.settings:
        coded = coder.code(rows, setting)
        points.append(
            RatePoint(
                setting=coder.label(setting),
                bits_per_pixel=float(coded.bits.mean()) / pixels,
                psnr=distortion.psnr(coded.decoded),
                ssim=distortion.ssim(coded.decoded),
                file_bits_per_pixel=None if coded.file_bits is None else float(coded.file_bits.mean()) / pixels,
            )
        )
        advance()
    return Curve(method=coder.name, note=coder.note, decoder_bytes=coder.decoder_bytes, points=points)


def _common_rate(curves: Sequence[Curve]) -> float:
    """A rate within the range of as many curves as possible, the highest of several: the middle of the interval."""
    rates = [[max(point.bits_per_pixel, 1e-4) for point in curve.points] for curve in curves]
    spans = [(min(each), max(each) * (1 + 1e-6)) for each in rates]  # a curve of one point has an interval too
    ends = sorted({end for span in spans for end in span})
    middles = [math.sqrt(low * high) for low, high in pairwise(ends)]
    return max(middles, key=lambda middle: (sum(low <= middle <= high for low, high in spans), middle))


def _code_at_rate(coder: Coder, pictures: Tensor, rate: float) -> PicturesAtRate:
    """Each picture at the finest setting of at most `rate` bits per pixel, or at the coarsest setting."""
    pixels = pictures.shape[2] * pictures.shape[3]
    decoded, rates, quality = [], [], []
    for picture in pictures.split(1):
        rows = coder.analyse(picture)
        coarse, fine = float(coder.settings[0]), float(coder.settings[-1])
        if float(coder.count_bits(rows, fine)[0]) <= rate * pixels:
            coarse = fine
        for _ in range(BISECTIONS if coarse < fine else 0):
            middle = math.sqrt(coarse * fine)
            if float(coder.count_bits(rows, middle)[0]) <= rate * pixels:
                coarse = middle
            else:
                fine = middle
        coded = coder.code(rows, coarse)
        decoded.append(coded.decoded)
        rates.append(float(coded.bits[0]) / pixels)
        quality.append(measure_psnr(picture, coded.decoded))
    return PicturesAtRate(method=coder.name, pictures=torch.cat(decoded), bits_per_pixel=rates, psnr=quality)
