"""How a measure should answer to known damage, with the reason where it should hold still or nothing is promised.

A measure of fidelity does not see modes that are missing, and a measure of coverage is not made to see blur: that is no
defect. What is known of each: Heusel et al. 2017, arXiv:1706.08500, appendix A1 (fd); Kynkaanniemi et al. 2019,
arXiv:1904.06991 (precision, recall); Naeem et al. 2020, arXiv:2002.09797 (density, coverage, and where recall errs);
Barratt & Sharma 2018, arXiv:1801.01973 (inception score).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from imagewright.metrics.metric import Output
from imagewright.metrics.self_check.corruptions import CORRUPTIONS

Way = Literal["rises", "falls", "holds", "open"]
Judgement = Literal["as it should", "unevenly", "did not move", "wrong way", "moved", "open", "not defined"]

# Rank correlation of value and level, 1 where each level moves it further than the one before; less will do where no
# step back is more than chance.
ENOUGH_ORDER = 0.9
BEYOND_CHANCE = 3.0  # deviations of the value over pairs of clean halves
STILL = 0.2  # of the largest change that damaged pictures make: less is holding still


@dataclass(frozen=True)
class Expected:
    """Which way a number should go as damage grows, and why where that is not simply up or down with quality."""

    way: Way
    why: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a number did. `from_level`: the first from which on it is beyond chance at every level, None for never."""

    judgement: Judgement
    why: str = ""
    from_level: int | None = None
    order: float = 0.0  # rank correlation with the level


_BLIND_TO_REAL = "it never looks at real pictures"
_WIDE_BALLS = "odd pictures lie far apart, and their wide neighbourhoods still hold real ones (Naeem et al. 2020)"
_LAYOUT = "small neighbourhoods say little of which pictures a set has"

_FIDELITY = {
    "mode_dropping": Expected("holds", "each picture that is left is a real one"),
    # Chance is judged of sets without repetition, which vary less.
    "duplication": Expected("open", "it is a mean over few pictures, and goes with which ones they are"),
}
_DIVERSITY = {
    **{name: Expected("open", _WIDE_BALLS) for name, each in CORRUPTIONS.items() if each.of == "pictures"},
    "contamination": Expected("open", "the real pictures that are left may still reach all modes"),
}
_ALIKE = {
    **{
        name: Expected("open", "damage may make pictures more alike or less")
        for name in CORRUPTIONS
        if name not in ("mode_dropping", "duplication")
    },
    "mode_dropping": Expected("rises", "fewer kinds of pictures are more alike"),
    "duplication": Expected("rises", "more pairs are of one picture"),
}
_NO_REFERENCE = {name: Expected("open", _BLIND_TO_REAL) for name in CORRUPTIONS if name != "mode_dropping"}
_TEXTURE = {"mode_dropping": Expected("open", _LAYOUT), "duplication": Expected("open", _LAYOUT)}
_FINE = {
    name: Expected("open", "fine damage need not reach a coarse level, nor coarse damage a fine one")
    for name, each in CORRUPTIONS.items()
    if each.of == "pictures"
}

# By the beginning of an output's name. What is not named moves the way that is worse.
EXCEPTIONS: dict[str, dict[str, Expected]] = {  # the first that fits
    "precision": _FIDELITY,
    "density": {
        **_FIDELITY,
        "mode_dropping": Expected("open", "it rises where the modes that are left are the dense ones"),
    },
    "recall": _DIVERSITY,
    "accuracy_real_to_fake": _FIDELITY,
    "network_accuracy_real_to_fake": _FIDELITY,
    "inception_score": _NO_REFERENCE,
    "ms_ssim": _ALIKE,
    "swd_": {**_TEXTURE, **_FINE},  # of one level; the mean of all is `swd`
    "swd": _TEXTURE,
}
CONSTANT = {"ms_ssim_real"}  # of the reference alone


def expected_of(output: Output, corruption: str) -> Expected:
    """Which way an output of a metric should go under a corruption."""
    for beginning, exceptions in EXCEPTIONS.items():
        if output.name.startswith(beginning) and corruption in exceptions:
            return exceptions[corruption]
    if output.better is None:
        return Expected("open", "neither way is better")
    return Expected("rises" if output.better == "lower" else "falls")


def verdict_of(expected: Expected, clean: Sequence[float], values: Sequence[float], largest: float) -> Verdict:
    """What a number did over rising levels.

    clean: its values for pairs of clean halves, of which chance is judged. values: of the levels in rising order,
    without the clean one. largest: the change that damaged pictures make at most, a small part of which counts as none.
    """
    if not np.isfinite([*clean, *values]).all():
        return Verdict("not defined")
    middle = float(np.mean(clean))
    chance = BEYOND_CHANCE * float(np.std(clean, ddof=1)) if len(clean) > 1 else 0.0
    changes = np.array(values) - middle
    beyond = np.abs(changes) > chance
    quiet = np.flatnonzero(~beyond)
    first = (int(quiet[-1]) + 2 if len(quiet) else 1) if beyond[-1] else None
    order = _rank_correlation([middle, *values])
    if expected.way == "open":
        return Verdict("open", expected.why, first, order)
    if expected.way == "holds":
        still = abs(changes[-1]) <= max(chance, STILL * largest)
        return Verdict("as it should" if still else "moved", expected.why, first, order)
    if not beyond[-1]:
        return Verdict("did not move", expected.why, None, order)
    sign = 1 if expected.way == "rises" else -1
    if sign * changes[-1] < 0:
        return Verdict("wrong way", expected.why, first, order)
    even = sign * order >= ENOUGH_ORDER or bool((sign * np.diff([middle, *values]) >= -chance).all())
    return Verdict("as it should" if even else "unevenly", expected.why, first, order)


def _rank_correlation(values: Sequence[float]) -> float:
    """Spearman's, of values against their places; 0 where they are all the same."""
    from scipy.stats import rankdata

    if np.ptp(values) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(values), np.arange(len(values)))[0, 1])
