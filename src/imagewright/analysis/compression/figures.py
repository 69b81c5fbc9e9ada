"""What a comparison of compressions is written as: the plot, the sheet of crops, and the numbers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from imagewright.analysis.compression.comparison import Comparison, Curve, finite_or_none
from imagewright.output.figures import colour_of, mark_of, new_figure, save_figure
from imagewright.output.grids import draw_grid
from imagewright.output.provenance import COMPOSITE, make_record
from imagewright.output.writing import new_file, refuse_existing, write_image
from imagewright.versions import versions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL import Image

PLOT, CROPS, JSON, CSV = "rate_distortion.png", "crops.png", "results.json", "results.csv"
FILES = (PLOT, CROPS, JSON, CSV)
CROP = 96  # pixels a side, so that a crop shows what was lost
CROP_CELL = 192
LEAST_RATE = 1e-4  # bits a pixel: fewer are not on the axis


def write_comparison(found: Comparison, folder: str | Path, *, force: bool = False) -> list[Path]:
    """Write the plot, the crops, and the numbers as JSON and CSV into a folder; returns the paths."""
    folder = Path(folder)
    refuse_existing([folder / name for name in FILES], force=force)
    record = make_record(
        "compress",
        model=", ".join(curve.method for curve in found.curves),
        settings={"judged": len(found.judged)},
        source_type=COMPOSITE,
    )
    with new_file(folder / JSON, force=force) as file:
        file.write((json.dumps(found.to_dict() | {"versions": versions()}, indent=2) + "\n").encode())
    with new_file(folder / CSV, force=force) as file:
        file.write(_table(found.curves).encode())
    write_image(draw_crops(found), folder / CROPS, record, force=force)
    has_ssim = any(point.ssim is not None for curve in found.curves for point in curve.points)
    with new_figure(9.5 if has_ssim else 5.5, 4.4) as figure:
        axes = figure.subplots(1, 2 if has_ssim else 1, squeeze=False)[0]
        _plot(axes[0], found.curves, "psnr", "PSNR, dB")
        if has_ssim:
            _plot(axes[1], found.curves, "ssim", "SSIM")
        axes[0].legend(loc="upper left" if len(found.curves) < 3 else "best")
        images = found.images
        figure.suptitle(
            f"{Path(images.source).name}: {len(found.judged)} held-out pictures of "
            f"{images.height}x{images.width}x{images.channels}"
        )
        save_figure(figure, folder / PLOT, record, force=force)
    return [folder / name for name in FILES]


def _plot(axes: Axes, curves: Sequence[Curve], name: str, label: str) -> None:
    for number, curve in enumerate(curves):
        points = [(point.bits_per_pixel, getattr(point, name)) for point in curve.points]
        kept = [
            (rate, value)
            for rate, value in points
            if rate >= LEAST_RATE and value is not None and finite_or_none(value) is not None
        ]
        axes.plot(
            [rate for rate, _ in kept],
            [value for _, value in kept],
            color=colour_of(number),
            marker=mark_of(number),
            markersize=max(3, 7 - number),  # equal curves are seen under each other
            label=curve.method,
        )
    if any(point.bits_per_pixel >= LEAST_RATE for curve in curves for point in curve.points):
        from matplotlib.ticker import LogLocator

        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(LogLocator(base=2, numticks=6))  # labels as wide as 0.00024 keep apart
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.2g}")
    axes.set_xlabel("bits per pixel")
    axes.set_ylabel(label)


def _table(curves: Sequence[Curve]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["method", "setting", "bits_per_pixel", "psnr", "ssim", "file_bits_per_pixel"])
    for curve in curves:
        for point in curve.points:
            numbers = [point.bits_per_pixel, point.psnr, point.ssim, point.file_bits_per_pixel]
            rows.writerow([curve.method, point.setting, *("" if each is None else f"{each:.6g}" for each in numbers)])
    return text.getvalue()


def draw_crops(found: Comparison) -> Image.Image:
    """The sheet: a row a picture, the original first, then each method with its rate and PSNR."""
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
            psnr = finite_or_none(each.psnr[row])
            said = "exact" if psnr is None else f"{psnr:.1f} dB"
            captions.append(f"{each.bits_per_pixel[row]:.3g} bpp, {said}")
    return draw_grid(
        torch.stack(cells),
        columns,
        column_labels=["original", *(each.method for each in found.at_rate)],
        captions=captions,
        title=f"At most {found.rate:.3g} bits per pixel (bpp), or the nearest that a method has",
        scale=max(1, round(CROP_CELL / max(side_down, side_across))),
    )


def busiest_window(picture: Tensor, height: int, width: int) -> tuple[int, int]:
    """The top and left of the window of a uint8 picture (C, H, W) with most contrast between neighbours."""
    grey = picture.double().mean(0)
    energy = torch.zeros_like(grey)
    energy[:, 1:] += (grey[:, 1:] - grey[:, :-1]).square()
    energy[1:] += (grey[1:] - grey[:-1]).square()
    total = torch.nn.functional.pad(energy.cumsum(0).cumsum(1), (1, 0, 1, 0))
    sums = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    place = int(sums.argmax())
    return divmod(place, sums.shape[1])
