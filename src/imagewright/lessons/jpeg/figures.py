"""The figures of the lesson on JPEG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from imagewright.codecs.jpeg.tables import ZIGZAG
from imagewright.lessons.base import LessonOutput
from imagewright.lessons.jpeg.opened import LOSSLESS_PSNR
from imagewright.lessons.jpeg.stages import Stages, Symbol
from imagewright.output.figures import SEQUENTIAL, colour_of, new_figure, render_figure
from imagewright.pixels import size_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

MOST_SYMBOLS = 26  # lines of symbols in a panel


def draw_basis(output: LessonOutput, pictures: np.ndarray) -> None:
    """Draw the 64 basis pictures, (8, 8, 8, 8), by vertical and horizontal frequency."""
    framed = np.full((8, 10, 8, 10), np.nan)  # a frame of one pixel around each picture
    framed[:, 1:9, :, 1:9] = pictures.transpose(0, 2, 1, 3)
    with output.figure("basis", 7.2, 7.4) as figure:
        axes = figure.subplots()
        axes.imshow(framed.reshape(80, 80), cmap="gray", vmin=-0.25, vmax=0.25, interpolation="nearest")
        _hide_axes(axes)
        axes.set_xticks(np.arange(8) * 10 + 4.5, [str(number) for number in range(8)])
        axes.set_yticks(np.arange(8) * 10 + 4.5, [str(number) for number in range(8)])
        axes.tick_params(length=0)
        axes.set_title("The 64 basis pictures: every 8x8 block is a weighted sum of these")
        axes.set_xlabel("horizontal frequency, in half waves a block")
        axes.set_ylabel("vertical frequency, in half waves a block")


def draw_block(output: LessonOutput, stages: Stages, quality: int) -> None:
    """Draw one block at every stage, with its numbers."""
    with output.figure("block", 15, 8) as figure:
        figure.suptitle(
            f"One block of the luminance (row {stages.row}, column {stages.column}) through JPEG, quality {quality}"
        )
        grid = figure.subplots(2, 4)
        _draw_matrix(grid[0, 0], stages.pixels, "1  pixels, 0 to 255", "gray", (0, 255))
        _draw_matrix(grid[0, 1], stages.shifted, "2  minus 128", "gray", (-128, 127))
        _draw_matrix(
            grid[0, 2], _log_shades(stages.coefficients), "3  DCT (orthonormal)", SEQUENTIAL, None, stages.coefficients
        )
        _draw_matrix(grid[0, 3], stages.table, "4  steps of the luminance table", SEQUENTIAL, None)
        _draw_matrix(
            grid[1, 0], _log_shades(stages.quantised), "5  DCT / steps, rounded", SEQUENTIAL, None, stages.quantised
        )
        _draw_zigzag(grid[1, 1], stages.quantised)
        _draw_symbols(grid[1, 2], stages.symbols)
        lost = stages.rebuilt - stages.pixels
        title = f"8  decoded; error at most {np.abs(lost).max()}"
        _draw_matrix(grid[1, 3], stages.rebuilt, title, "gray", (0, 255))


def draw_bits(output: LessonOutput, grey: np.ndarray, counts: np.ndarray, shown: tuple[int, int], quality: int) -> None:
    """Draw the luminance, and the number of bits of each of its blocks.

    grey: the luminance, uint8 (H, W).
    counts: bits of each block, by row and column.
    shown: row and column of the block in the figure `block`.
    quality: of the file, 1 to 100.
    """
    from matplotlib.patches import Rectangle

    height, width = grey.shape
    with output.figure("bits", 11, max(3.6, min(6.5, 5 * height / width + 0.8))) as figure:
        left, right = figure.subplots(1, 2)
        left.imshow(grey, cmap="gray", vmin=0, vmax=255)
        left.set_title(f"luminance, {size_text((height, width))}")
        row, column = shown
        left.add_patch(
            Rectangle((8 * column - 0.5, 8 * row - 0.5), 8, 8, fill=False, edgecolor=colour_of(1), linewidth=2)
        )
        left.set_xlabel("the block of the other figure is marked")
        heat = right.imshow(counts, cmap=SEQUENTIAL, extent=(0, 8 * counts.shape[1], 8 * counts.shape[0], 0))
        right.set_title(f"bits a block at quality {quality}: {counts.mean():.1f} on average, 512 before")
        for axes in (left, right):
            axes.grid(visible=False)
            axes.set_xticks([])
            axes.set_yticks([])
        figure.colorbar(heat, ax=right, label="bits")


def draw_quality_curves(
    output: LessonOutput, pixels: np.ndarray, curve: Sequence[Mapping[str, float]], samples: Mapping[int, np.ndarray]
) -> None:
    """Draw size and error against quality, and the same part of the picture at several qualities.

    pixels: the picture, uint8 (C, H, W).
    curve: quality, bits a pixel and PSNR in dB of the file at each quality.
    samples: the decoded picture, uint8 (C, H, W), by quality.
    """
    with output.figure("quality", 13, 7.4) as figure:
        figure.suptitle("Quality against size")
        grid = figure.add_gridspec(2, len(samples) + 1, height_ratios=(1.35, 1))
        half = (len(samples) + 1) // 2
        _draw_sizes(figure.add_subplot(grid[0, :half]), curve)
        _draw_errors(figure.add_subplot(grid[0, half:]), curve, [*samples, 100])
        parts = {"original": pixels} | {f"quality {number}": picture for number, picture in samples.items()}
        top, left, side = _central_square(pixels)
        for column, (title, picture) in enumerate(parts.items()):
            axes = figure.add_subplot(grid[1, column])
            _draw_picture(axes, picture[:, top : top + side, left : left + side])
            axes.set_title(title, fontsize=10)


def growing_frames(growing: Mapping[int, Tensor], errors: Mapping[int, float]) -> np.ndarray:
    """Frames, uint8 (N, 3, H, W): the picture rebuilt from its first k coefficients, and their positions.

    growing: the rebuilt picture, uint8 (C, H, W), by k.
    errors: the PSNR in dB, by k.
    """
    rows, columns = np.divmod(ZIGZAG, 8)
    frames = []
    with new_figure(7.2, 4.2) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(1.45, 1))
        shown = _draw_picture(left, next(iter(growing.values())).numpy())
        squares = right.imshow(np.zeros((8, 8)), cmap="Blues", vmin=0, vmax=1.6)
        right.plot(columns, rows, color="#bbbbbb", linewidth=1)
        (path,) = right.plot([], [], color=colour_of(1), linewidth=2)
        (end,) = right.plot([], [], "o", color=colour_of(1), markersize=7)
        right.set_title("in zig-zag order")
        left.set_title("64 of 64 coefficients a block, 00.0 dB")  # the widest title fixes the layout
        _hide_axes(right)
        figure.canvas.draw()
        figure.set_layout_engine("none")  # one layout for all frames
        for count, picture in growing.items():
            shown.set_data(_as_rows(picture.numpy()))
            left.set_title(f"{count} of 64 coefficients a block, {errors[count]:.1f} dB")
            used = np.zeros(64)
            used[ZIGZAG[:count]] = 1
            squares.set_data(used.reshape(8, 8))
            path.set_data(columns[:count], rows[:count])
            end.set_data(columns[count - 1 : count], rows[count - 1 : count])
            frames.append(render_figure(figure).transpose(2, 0, 1))
    return np.stack([*frames, *frames[-1:] * 4])  # the last frame is repeated


def _draw_sizes(axes: Axes, curve: Sequence[Mapping[str, float]]) -> None:
    """Draw bits a pixel against quality."""
    rates = [point["bits_per_pixel"] for point in curve]
    axes.plot([point["quality"] for point in curve], rates, "o-", color=colour_of(0))
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    axes.set_xlabel("quality")
    axes.set_ylabel("bits a pixel, whole file")


def _draw_errors(axes: Axes, curve: Sequence[Mapping[str, float]], labelled: Sequence[int]) -> None:
    """Draw PSNR against bits a pixel, without lossless points; `labelled`: qualities to write at their points."""
    lossy = [point for point in curve if point["psnr"] < LOSSLESS_PSNR]
    rates = [point["bits_per_pixel"] for point in lossy]
    axes.plot(rates, [point["psnr"] for point in lossy], "s-", color=colour_of(1))
    for point in lossy:
        if point["quality"] in labelled:
            where = (point["bits_per_pixel"], point["psnr"])
            text = f"{point['quality']:.0f}"
            axes.annotate(text, where, textcoords="offset points", xytext=(5, -11), fontsize=9)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    axes.set_xlabel("bits a pixel (labels: quality)")
    axes.set_ylabel("PSNR, dB")


def _draw_matrix(
    axes: Axes,
    shades: np.ndarray,
    title: str,
    colours: str,
    limits: tuple[float, float] | None,
    numbers: np.ndarray | None = None,
) -> None:
    """Draw an 8x8 matrix as shades, with its numbers in the cells.

    shades: values that the colour map shows, (8, 8).
    title: title of the panel.
    colours: name of a colour map of matplotlib.
    limits: values at the ends of the colour map; None takes the extremes.
    numbers: the numbers written in the cells, (8, 8); None writes `shades`.
    """
    numbers = shades if numbers is None else numbers
    low, high = limits or (float(shades.min()), max(float(shades.max()), float(shades.min()) + 1e-9))
    axes.imshow(shades, cmap=colours, vmin=low, vmax=high)
    for (row, column), number in np.ndenumerate(numbers):
        is_light = (shades[row, column] - low) / (high - low) > 0.55
        text = f"{number:.1f}" if numbers.dtype.kind == "f" else f"{number:d}"
        axes.text(
            column, row, text.replace("-", "\N{MINUS SIGN}"), ha="center", va="center", fontsize=7.5,
            color="black" if is_light else "white",
        )  # fmt: skip
    axes.set_title(title)
    _hide_axes(axes)


def _log_shades(values: np.ndarray) -> np.ndarray:
    """log(1 + |value|), so that small coefficients remain visible beside large ones."""
    return np.log1p(np.abs(values.astype(float)))


def _draw_zigzag(axes: Axes, quantised: np.ndarray) -> None:
    """Draw the path of the zig-zag order over the quantised coefficients (8, 8)."""
    rows, columns = np.divmod(ZIGZAG, 8)
    axes.imshow((quantised != 0).astype(float), cmap="Blues", vmin=0, vmax=2.2)
    axes.plot(columns, rows, color=colour_of(1), linewidth=1.2, zorder=1)
    for (row, column), value in np.ndenumerate(quantised):
        box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}
        text = f"{value}".replace("-", "\N{MINUS SIGN}")
        ink = "black" if value else "#777777"
        axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=ink, bbox=box, zorder=2)
    axes.set_title(f"6  zig-zag: {int((quantised != 0).sum())} of 64 are not 0")
    _hide_axes(axes)


def _draw_symbols(axes: Axes, symbols: Sequence[Symbol]) -> None:
    """Draw a line for each symbol: its meaning, its Huffman code, the bits of its value."""
    total = sum(len(symbol.code_bits) + len(symbol.value_bits) for symbol in symbols)
    axes.set_title(f"7  symbols, Huffman code and value: {total} bits")
    axes.axis("off")
    shown = list(symbols[:MOST_SYMBOLS])
    step = 1 / max(len(shown) + (len(symbols) > len(shown)), 16)
    for line, symbol in enumerate(shown):
        height = 1 - step * (line + 0.5)
        text = symbol.meaning.replace("-", "\N{MINUS SIGN}")
        axes.text(0.0, height, text, fontsize=7.5, va="center", transform=axes.transAxes)
        axes.text(0.52, height, symbol.code_bits, fontsize=7, va="center", family="monospace", transform=axes.transAxes)
        axes.text(
            0.83, height, symbol.value_bits, fontsize=7, va="center", family="monospace",
            color=colour_of(0), transform=axes.transAxes,
        )  # fmt: skip
    if len(symbols) > len(shown):
        rest = f"and {len(symbols) - len(shown)} more"
        axes.text(0.0, step / 2, rest, fontsize=7.5, va="center", transform=axes.transAxes)


def _central_square(pixels: np.ndarray) -> tuple[int, int, int]:
    """Top, left and side of the central square of pixels (C, H, W), at block borders.

    The side is at most 96 pixels, so that blocks are visible.
    """
    height, width = pixels.shape[1:]
    side = min(96, height, width)
    return (height - side) // 2 // 8 * 8, (width - side) // 2 // 8 * 8, side


def _draw_picture(axes: Axes, pixels: np.ndarray) -> AxesImage:
    """Draw a uint8 picture (C, H, W) without interpolation."""
    shown = axes.imshow(_as_rows(pixels), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    _hide_axes(axes)
    return shown


def _as_rows(pixels: np.ndarray) -> np.ndarray:
    """Pixels (C, H, W) in matplotlib's layout: (H, W) or (H, W, C)."""
    return pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)


def _hide_axes(axes: Axes) -> None:
    """Remove grid, ticks and frame."""
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
