"""Curves over training as inline SVG, with axes, ticks, a legend, and colours for colour-blind readers."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Okabe & Ito's palette without its yellow, which is hardly visible on white. Dashes differ too, for print in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2", "1 2")
WIDTH, HEIGHT = 560, 260
LEFT, RIGHT, TOP, BOTTOM = 62, 22, 12, 38
MOST_POINTS = 400  # a curve has no more pixels than this: more points only make the page larger
LOG_RATIO = 50  # a positive quantity whose maximum is more than this times its minimum gets a log scale

Point = tuple[float, float]
Points = list[Point]


@dataclass(frozen=True)
class PlotAxis:
    """An axis of a plot: values from `low` to `high`, on a log scale or not, at pixels from `start` to `end`.

    whole: whether all values are whole numbers, so that ticks are too.
    """

    low: float
    high: float
    log: bool
    start: float
    end: float
    whole: bool = False

    def place(self, value: float) -> float:
        """The pixel of a value."""
        low, high, value = (math.log10(number) if self.log else number for number in (self.low, self.high, value))
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def draw_curves(series: Mapping[str, Points], x_label: str = "images seen", y_label: str = "") -> str:
    """One plot, `<svg>...</svg>`, with a line for each series of (x, y). Values that are not finite are left out."""
    curves = {name: thin([point for point in points if math.isfinite(point[1])]) for name, points in series.items()}
    curves = {name: points for name, points in curves.items() if points}
    if not curves:
        return '<p class="none">no finite values yet</p>'
    x_axis = fit_axis([x for points in curves.values() for x, _ in points], LEFT, WIDTH - RIGHT, log_allowed=False)
    y_axis = fit_axis([y for points in curves.values() for _, y in points], HEIGHT - BOTTOM, TOP, log_allowed=True)
    legend_rows = math.ceil(len(curves) / 2)
    height = HEIGHT + 20 * legend_rows
    label = html.escape(f"{y_label or 'values'} over {x_label}: {', '.join(curves)}")
    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">']
    parts += _grid_lines(x_axis, y_axis, x_label, y_label + (" (log scale)" if y_axis.log else ""))
    for index, (name, points) in enumerate(curves.items()):
        parts += _line(name, points, index, x_axis, y_axis)
    return "".join([*parts, "</svg>"])


def _line(name: str, points: Points, index: int, x_axis: PlotAxis, y_axis: PlotAxis) -> list[str]:
    """A curve and its entry in the legend, of which two are in a row under the plot."""
    colour, dash = COLOURS[index % len(COLOURS)], DASHES[(index + index // len(COLOURS)) % len(DASHES)]
    style = f'fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}" stroke-linejoin="round"'
    places = " ".join(f"{x_axis.place(x):.1f},{y_axis.place(y):.1f}" for x, y in points)
    x, y = LEFT + (index % 2) * (WIDTH - LEFT) // 2, HEIGHT + 10 + 20 * (index // 2)
    last = f"{html.escape(name)}: {short_number(points[-1][1])}"
    centre_x, _, centre_y = places.partition(",")
    mark = f'<circle cx="{centre_x}" cy="{centre_y}" r="3" fill="{colour}"/>' if len(points) == 1 else ""
    return [
        f"<g><title>{last}</title><polyline {style} points='{places}'/>{mark}</g>",
        f'<line x1="{x}" x2="{x + 26}" y1="{y}" y2="{y}" {style}/>',
        f'<text x="{x + 32}" y="{y + 4}">{last}</text>',
    ]


def _grid_lines(x_axis: PlotAxis, y_axis: PlotAxis, x_label: str, y_label: str) -> list[str]:
    parts = []
    for value, label in round_ticks(y_axis, 5):
        y = y_axis.place(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    floor = HEIGHT - BOTTOM
    for value, label in round_ticks(x_axis, 6):
        x = x_axis.place(value)
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{floor}" y2="{floor + 4}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{floor + 17}" text-anchor="middle">{label}</text>')
    middle_x, middle_y = (LEFT + WIDTH - RIGHT) / 2, (TOP + floor) / 2
    return [
        *parts,
        f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{floor}H{WIDTH - RIGHT}"/>',
        f'<text class="tick" x="{middle_x}" y="{HEIGHT - 6}" text-anchor="middle">{html.escape(x_label)}</text>',
        f'<text class="tick" transform="translate(12 {middle_y}) rotate(-90)" text-anchor="middle">'
        f"{html.escape(y_label)}</text>",
    ]


def fit_axis(values: Sequence[float], start: float, end: float, *, log_allowed: bool) -> PlotAxis:
    """The axis of some finite values; on a log scale if that is allowed, and they are positive and far apart."""
    low, high = min(values), max(values)
    if log_allowed and low > 0 and high / low > LOG_RATIO:
        return PlotAxis(low / 1.1, high * 1.1, True, start, end)
    whole = all(float(value).is_integer() for value in values)
    if low == high:
        return PlotAxis(low - (abs(low) / 10 or 1.0), high + (abs(low) / 10 or 1.0), False, start, end, whole)
    room = (high - low) * 0.05 if log_allowed else 0.0  # the x axis starts and ends at the data
    return PlotAxis(low - room, high + room, False, start, end, whole)


def round_ticks(axis: PlotAxis, count: int) -> list[tuple[float, str]]:
    """About `count` round numbers within the axis, fewer if they are whole and the axis is short; with their labels.

    >>> [label for _, label in round_ticks(PlotAxis(352.1, 352.9, False, 0, 1), 4)]
    ['352.2', '352.4', '352.6', '352.8']
    >>> [label for _, label in round_ticks(PlotAxis(351.9, 353.1, False, 0, 1, whole=True), 4)]
    ['352', '353']
    """
    if axis.log:
        powers = range(math.floor(math.log10(axis.low)), math.ceil(math.log10(axis.high)) + 1)
        steps = (1,) if len(powers) > 4 else (1, 2, 5)
        every = max(1, len(powers) // (count + 1))
        values = [step * 10.0**power for power in powers[::every] for step in steps]
        return [(value, short_number(value)) for value in values if axis.low <= value <= axis.high]
    rough = (axis.high - axis.low) / count
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= rough)
    step = max(step, 1.0) if axis.whole else step
    values = [number * step for number in range(math.ceil(axis.low / step), math.floor(axis.high / step) + 1)]
    return list(zip(values, _tick_labels(values, step), strict=True))


def _tick_labels(values: list[float], step: float) -> list[str]:
    """Numbers as `short_number`, unless its digits are too few to tell ticks apart that are `step` from each other."""
    shown = [float(f"{value:.3g}" if abs(value) < 1000 else f"{value:.4g}") for value in values]
    if all(abs(one - value) < step / 10 for one, value in zip(shown, values, strict=True)):
        return [short_number(value) for value in values]
    decimals = max(0, -math.floor(math.log10(step)))
    return [f"{value:.{decimals}f}" for value in values]


def thin(points: Points) -> Points:
    """At most about MOST_POINTS points: the minimum and the maximum of each interval, so that spikes stay visible."""
    if len(points) <= MOST_POINTS:
        return points
    length = math.ceil(len(points) / (MOST_POINTS // 2))
    thinned: Points = []
    for start in range(0, len(points), length):
        thinned += lowest_and_highest(points[start : start + length])
    return thinned if thinned[-1] == points[-1] else [*thinned, points[-1]]


def lowest_and_highest(points: Points) -> Points:
    """The lowest and the highest of some points, in their order from left to right; one if they are the same."""
    return sorted({min(points, key=lambda point: point[1]), max(points, key=lambda point: point[1])})


def short_number(value: float) -> str:
    """A number for a reader: 200k, 1.5M, 0.0312, 2e-5.

    >>> [short_number(value) for value in (200_000, 1.5e6, 0.03125, 0, 2e-5)]
    ['200k', '1.5M', '0.0312', '0', '2e-5']
    """
    if not math.isfinite(value):
        return str(value)
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if limit <= abs(value) < 1e15:
            return f"{value / (1e3 if letter == 'k' else limit):.4g}{letter}"
    if 0 < abs(value) < 1e-3:
        mantissa, _, power = f"{value:.2e}".partition("e")
        return f"{float(mantissa):g}e{int(power)}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.4g}"
