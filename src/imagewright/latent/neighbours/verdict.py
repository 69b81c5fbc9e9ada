"""Whether samples are copies of training pictures: a number with its control, a test, and a sentence.

A distance alone does not tell: samples with little detail are near to every picture. A copy is near to one picture, and
not to that picture's neighbours: so the distance to the nearest is divided by the mean distance to the next ones, as
Carlini et al. 2023, arXiv:2301.13188, section 5, do for diffusion models.
Shape letters: S samples, Q pictures of the control, K nearest training pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CONTROL_SHARE = 0.01  # of the control, nearer to one training picture than which is called a copy
CERTAIN = 1e-3
MANY = 0.05  # of the samples
FAR = 3.0  # standard deviations


@dataclass(frozen=True)
class Compared:
    """Samples and the control against the training pictures, in one space.

    `distances`, `places`: (S, K) of the nearest training pictures of each sample, nearest first. `relative` (S,) and
    `control_relative` (Q,): the distance to the nearest over the mean of the next ones. `control_distances` (Q,).
    `threshold`: below it lies 1 % of the control; `share` of the samples lies there too. `chance`: of so many or more
    there, were samples and control alike. `statistic`: C_T of Meehan et al. 2020, arXiv:2004.05675, with
    all pictures as one cell: standard deviations by which samples are farther (+) or nearer (-) than the control.
    """

    space: str
    distances: Tensor
    places: Tensor
    relative: Tensor
    control_distances: Tensor
    control_relative: Tensor
    threshold: float
    share: float
    chance: float
    statistic: float

    @property
    def repeats(self) -> bool:
        """Whether copies are among the samples, beyond chance."""
        return self.chance < CERTAIN


def compare(space: str, distances: Tensor, places: Tensor, control: Tensor) -> Compared:
    """Both by their distances to the nearest training pictures, (S, K) and (Q, K)."""
    relative, control_relative = _relative(distances), _relative(control)
    below = int(CONTROL_SHARE * len(control))
    threshold = float(control_relative.sort().values[below])
    near = int((relative < threshold).sum())
    return Compared(
        space,
        distances,
        places,
        relative,
        control[:, 0],
        control_relative,
        threshold,
        near / len(relative),
        _chance(near, len(relative), below, len(control)),
        _statistic(distances[:, 0], control[:, 0]),
    )


def verdict_of(spaces: list[Compared], control: str, *, held_out: bool) -> str:
    """One sentence, by the space in which most samples are copies.

    Where the control is not `held_out`, what lies near to the set as a whole is not judged: a model's own features
    keep the very pictures that it was trained on farther apart than others.
    """
    worst = max(spaces, key=lambda each: (each.repeats, each.share))
    found = f"{worst.share:.1%} of the samples are nearer to one training picture than 99% of the {control} are"
    if worst.repeats:
        how = "Memorised" if worst.share >= MANY else "A few copies"
        return f"{how}: {found}, in {worst.space}."
    nearer = min(spaces, key=lambda each: each.statistic)
    if held_out and nearer.statistic < -FAR:
        return (
            f"No copies ({worst.share:.1%}, 1% by chance), but on the whole samples lie nearer to training pictures "
            f"than the {control} do, in {nearer.space} (C_T {nearer.statistic:+.1f}): so do samples of little detail, "
            "and those of a model that begins to learn by heart."
        )
    return f"No sign of memorising: {found}, in {worst.space}; 1% would be by chance."


def _relative(distances: Tensor) -> Tensor:
    """(N,) of (N, K): 0 for a copy, near 1 for a picture that is as far from one as from the next."""
    others = torch.where(distances.isinf(), torch.nan, distances)[:, 1:].nanmean(1)
    return torch.where(others > 0, distances[:, 0] / others, 0.0)


def _chance(near: int, samples: int, below: int, control: int) -> float:
    """P(at least `near` samples lie below the control's value number `below`) if all are drawn alike: exact, by ranks.

    So many do where among the `near + below` smallest of all there are at most `below` of the control.
    """
    from scipy.stats import hypergeom

    return float(hypergeom.cdf(below, samples + control, control, near + below)) if near else 1.0


def _statistic(samples: Tensor, control: Tensor) -> float:
    """The Mann-Whitney statistic in standard deviations."""
    from scipy.stats import mannwhitneyu

    one, other = len(samples), len(control)
    larger = float(mannwhitneyu(samples.numpy(), control.numpy()).statistic)
    return (larger - one * other / 2) / (one * other * (one + other + 1) / 12) ** 0.5
