"""The figures of `compress`: rate-distortion curves, and the sheet of crops at about equal rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from imagewright.errors import count_text
from imagewright.output.figures import colour_of, mark_of, new_figure, save_figure
from imagewright.output.grids import draw_grid
from imagewright.pixels import size_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL import Image

    from imagewright.analysis.compression.comparison import CompressionComparison, Curve

CROP = 96  # pixels a side, enlarged so that artefacts are visible
CROP_CELL = 192
LEAST_RATE = 1e-4  # bits a pixel: points with fewer are not drawn


def write_curves(found: CompressionComparison, path: Path, record: dict[str, object], *, force: bool = False) -> None:
    """Write the figure of PSNR and SSIM against bits per pixel."""
    has_ssim = any(point.ssim is not None for curve in found.curves for point in curve.points)
    with new_figure(9.5 if has_ssim else 5.5, 4.4) as figure:
        axes = figure.subplots(1, 2 if has_ssim else 1, squeeze=False)[0]
        _plot(axes[0], found.curves, "psnr", "PSNR, dB")
        if has_ssim:
            _plot(axes[1], found.curves, "ssim", "SSIM")
        axes[0].legend(loc="upper left" if len(found.curves) < 3 else "best")
        images = found.images
        figure.suptitle(
            f"{Path(images.source).name}: {count_text(len(found.test), 'held-out picture')} of "
            f"{size_text(images.size)}x{images.channels}"
        )
        save_figure(figure, path, record, force=force)


def _plot(axes: Axes, curves: Sequence[Curve], name: str, label: str) -> None:
    for number, curve in enumerate(curves):
        points = [(point.bits_per_pixel, getattr(point, name)) for point in curve.points]
        drawn = [
            (rate, value) for rate, value in points if rate >= LEAST_RATE and value is not None and math.isfinite(value)
        ]
        axes.plot(
            [rate for rate, _ in drawn],
            [value for _, value in drawn],
            color=colour_of(number),
            marker=mark_of(number),
            markersize=max(3, 7 - number),  # decreasing, so that equal curves are all visible
            label=curve.method,
        )
    if any(point.bits_per_pixel >= LEAST_RATE for curve in curves for point in curve.points):
        from matplotlib.ticker import LogLocator

        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(LogLocator(base=2, numticks=6))  # few, so that labels like 0.00024 do not overlap
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.2g}")
    axes.set_xlabel("bits per pixel")
    axes.set_ylabel(label)


def draw_crops(found: CompressionComparison) -> Image.Image:
    """The sheet of crops: a row for each picture, the original first, then each method with its rate and PSNR."""
    rows, columns = len(found.shown), 1 + len(found.at_rate)
    cells: list[Tensor] = []
    captions: list[str] = []
    side_down, side_across = (min(CROP, side) for side in found.shown.shape[2:])
    for row in range(rows):
        top, left = busiest_window(found.shown[row], side_down, side_across)
        window = (slice(None), slice(top, top + side_down), slice(left, left + side_across))
        cells.append(found.shown[row][window])
        captions.append(Path(found.shown_names[row]).name)
        for each in found.at_rate:
            cells.append(each.pictures[row][window])
            quality = f"{each.psnr[row]:.1f} dB" if math.isfinite(each.psnr[row]) else "exact"
            captions.append(f"{each.bits_per_pixel[row]:.3g} bpp, {quality}")
    return draw_grid(
        torch.stack(cells),
        columns,
        column_labels=["original", *(each.method for each in found.at_rate)],
        captions=captions,
        title=f"At most {found.rate:.3g} bits per pixel (bpp), or the nearest setting that a method has",
        scale=max(1, round(CROP_CELL / max(side_down, side_across))),
    )


def busiest_window(picture: Tensor, height: int, width: int) -> tuple[int, int]:
    """The (top, left) of the window of a uint8 picture (C, H, W) with the largest sum of squared gradients."""
    grey = picture.double().mean(0)
    energy = torch.zeros_like(grey)
    energy[:, 1:] += (grey[:, 1:] - grey[:, :-1]).square()
    energy[1:] += (grey[1:] - grey[:-1]).square()
    total = torch.nn.functional.pad(energy.cumsum(0).cumsum(1), (1, 0, 1, 0))
    sums = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    place = int(sums.argmax())
    return divmod(place, sums.shape[1])
