"""The change that each output should show under known corruptions, and the verdict on the change that it did show.

A measure of fidelity does not respond to missing modes, and a measure of diversity is not designed to respond to blur:
neither is a defect. Sources: Heusel et al. 2017, arXiv:1706.08500, appendix A1 (fd); Kynkaanniemi et al. 2019,
arXiv:1904.06991 (precision, recall); Naeem et al. 2020, arXiv:2002.09797 (density, coverage, and failures of recall);
Barratt & Sharma 2018, arXiv:1801.01973 (inception score).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from imagewright.metrics.metric import MetricOutput
from imagewright.metrics.self_check.corruptions import CORRUPTIONS

Direction = Literal["rises", "falls", "constant", "any"]
Outcome = Literal[
    "as expected", "not monotonic", "no change", "wrong direction", "changed", "no expectation", "undefined"
]

# A change is monotonic if the rank correlation of value and level is at least this (1: every level exceeds the last),
# or if no step back is larger than chance.
MONOTONIC = 0.9
CHANCE = 3.0  # standard deviations of the value over pairs of clean halves: a larger change is beyond chance
NEGLIGIBLE = 0.2  # of the largest change that corruptions of single pictures cause: a smaller one counts as constant


@dataclass(frozen=True)
class Expected:
    """The expected direction of an output as corruption grows.

    direction: "any" if neither direction would be a defect.
    why: the reason, if the direction does not follow from the output's better direction alone.
    """

    direction: Direction
    why: str = ""


@dataclass(frozen=True)
class Verdict:
    """The observed change of an output.

    outcome: the change, compared with the expected one.
    why: the reason for the expectation.
    from_level: the first level from which on every change is beyond chance; None if the last one is not.
    order: Spearman's rank correlation of value and level.
    """

    outcome: Outcome
    why: str = ""
    from_level: int | None = None
    order: float = 0.0


_NO_REAL_PICTURES = "it does not use real pictures"
_WIDE_BALLS = "odd pictures lie far apart, and their wide neighbourhoods still contain real ones (Naeem et al. 2020)"
_SMALL_NEIGHBOURHOODS = "small neighbourhoods depend little on which pictures are in the set"

_FIDELITY = {
    "mode_dropping": Expected("constant", "each remaining picture is a real one"),
    # The variation by chance is estimated from sets without repetition, which vary less.
    "duplication": Expected("any", "it is a mean over few pictures, and depends on which ones they are"),
}
_DIVERSITY = {
    **{name: Expected("any", _WIDE_BALLS) for name, each in CORRUPTIONS.items() if each.of == "pictures"},
    "contamination": Expected("any", "the remaining real pictures may still reach all modes"),
}
_SIMILARITY = {
    **{
        name: Expected("any", "corruption may make pictures more similar or less")
        for name in CORRUPTIONS
        if name not in ("mode_dropping", "duplication")
    },
    "mode_dropping": Expected("rises", "pictures of fewer modes are more similar"),
    "duplication": Expected("rises", "more pairs are of the same picture"),
}
_NO_REFERENCE = {name: Expected("any", _NO_REAL_PICTURES) for name in CORRUPTIONS if name != "mode_dropping"}
_TEXTURE = {
    "mode_dropping": Expected("any", _SMALL_NEIGHBOURHOODS),
    "duplication": Expected("any", _SMALL_NEIGHBOURHOODS),
}
_ONE_LEVEL = {
    name: Expected("any", "fine corruption may leave a coarse level unchanged, and coarse corruption a fine one")
    for name, each in CORRUPTIONS.items()
    if each.of == "pictures"
}

# By the beginning of an output's name; the first match counts. Other outputs are expected to become worse.
EXCEPTIONS: dict[str, dict[str, Expected]] = {
    "precision": _FIDELITY,
    "density": {
        **_FIDELITY,
        "mode_dropping": Expected("any", "it rises if the remaining modes are the dense ones"),
    },
    "recall": _DIVERSITY,
    "accuracy_real_to_fake": _FIDELITY,
    "network_accuracy_real_to_fake": _FIDELITY,
    "inception_score": _NO_REFERENCE,
    "ms_ssim": _SIMILARITY,
    "swd_": {**_TEXTURE, **_ONE_LEVEL},  # of one level; the mean of all levels is `swd`
    "swd": _TEXTURE,
}
CONSTANT = {"ms_ssim_real"}  # computed from the reference alone


def expected_of(output: MetricOutput, corruption: str) -> Expected:
    """The expected direction of an output under a corruption."""
    for beginning, exceptions in EXCEPTIONS.items():
        if output.name.startswith(beginning) and corruption in exceptions:
            return exceptions[corruption]
    if output.better is None:
        return Expected("any", "neither direction is better")
    return Expected("rises" if output.better == "lower" else "falls")


def decide_verdict(expected: Expected, clean: Sequence[float], values: Sequence[float], largest: float) -> Verdict:
    """Compare the values of rising levels with the expected direction.

    expected: the expected direction.
    clean: the values of pairs of clean halves, from which the variation by chance is estimated.
    values: of levels 1 to 5, in order.
    largest: the largest change that corruptions of single pictures cause in this output.
    """
    if not np.isfinite([*clean, *values]).all():
        return Verdict("undefined")
    middle = float(np.mean(clean))
    chance = CHANCE * float(np.std(clean, ddof=1)) if len(clean) > 1 else 0.0
    changes = np.array(values) - middle
    beyond = np.abs(changes) > chance
    within = np.flatnonzero(~beyond)
    first = (int(within[-1]) + 2 if len(within) else 1) if beyond[-1] else None
    order = _rank_correlation([middle, *values])
    if expected.direction == "any":
        return Verdict("no expectation", expected.why, first, order)
    if expected.direction == "constant":
        constant = abs(changes[-1]) <= max(chance, NEGLIGIBLE * largest)
        return Verdict("as expected" if constant else "changed", expected.why, first, order)
    if not beyond[-1]:
        return Verdict("no change", expected.why, None, order)
    sign = 1 if expected.direction == "rises" else -1
    if sign * changes[-1] < 0:
        return Verdict("wrong direction", expected.why, first, order)
    monotonic = sign * order >= MONOTONIC or bool((sign * np.diff([middle, *values]) >= -chance).all())
    return Verdict("as expected" if monotonic else "not monotonic", expected.why, first, order)


def _rank_correlation(values: Sequence[float]) -> float:
    """Spearman's rank correlation of values and their positions; 0 if all values are equal."""
    from scipy.stats import rankdata

    if np.ptp(values) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(values), np.arange(len(values)))[0, 1])
