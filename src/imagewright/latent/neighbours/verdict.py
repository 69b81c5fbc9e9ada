"""Whether samples are copies of training pictures: a share with its control, a significance test, and a sentence.

A small distance alone does not show a copy, since samples with little detail are near to every picture. A copy is near
to one picture and not to that picture's neighbours. So the distance to the nearest picture is divided by the mean
distance to the next ones, as Carlini et al. 2023, arXiv:2301.13188, section 5, do for diffusion models.
Shape letters: S samples, Q pictures of the control, K nearest training pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CONTROL_SHARE = 0.01  # of the control: a sample with a smaller relative distance counts as a copy
SIGNIFICANT = 1e-3  # p-value
MANY = 0.05  # of the samples
FAR = 3.0  # standard deviations


@dataclass(frozen=True)
class SpaceComparison:
    """Distances of samples and of the control to the training pictures, in one space.

    space: its name.
    distances, indices: (S, K), of the nearest training pictures of each sample, nearest first.
    relative: (S,), the distance to the nearest over the mean distance to the next ones.
    control_distances: (Q,), to the nearest.
    control_relative: (Q,), as `relative`.
    threshold: the relative distance below which 1% of the control lies.
    share: of the samples, below the threshold.
    p_value: the probability of a share this large if samples and control had the same distribution.
    statistic: C_T of Meehan et al. 2020, arXiv:2004.05675, with all pictures as one cell: the standard deviations by
        which samples are farther (+) or nearer (-) than the control.
    """

    space: str
    distances: Tensor
    indices: Tensor
    relative: Tensor
    control_distances: Tensor
    control_relative: Tensor
    threshold: float
    share: float
    p_value: float
    statistic: float

    @property
    def has_copies(self) -> bool:
        """Whether there are significantly more copies among the samples than by chance."""
        return self.p_value < SIGNIFICANT


def compare_distances(space: str, distances: Tensor, indices: Tensor, control: Tensor) -> SpaceComparison:
    """Compare samples with the control.

    distances, indices: (S, K), of the samples' nearest training pictures.
    control: (Q, K), distances of the control's nearest training pictures.
    """
    relative, control_relative = _relative(distances), _relative(control)
    below = int(CONTROL_SHARE * len(control))
    threshold = float(control_relative.sort().values[below])
    near = int((relative < threshold).sum())
    return SpaceComparison(
        space,
        distances,
        indices,
        relative,
        control[:, 0],
        control_relative,
        threshold,
        near / len(relative),
        _p_value(near, len(relative), below, len(control)),
        _statistic(distances[:, 0], control[:, 0]),
    )


def state_verdict(spaces: list[SpaceComparison], control: str, *, held_out: bool) -> str:
    """One sentence, about the space with the most copies.

    C_T is stated only for a `held_out` control: without one the control is training pictures, which a model's own
    features hold farther apart than other pictures.
    """
    worst = max(spaces, key=lambda each: (each.has_copies, each.share))
    found = f"{worst.share:.1%} of the samples are nearer to one training picture than 99% of the {control} are"
    if worst.has_copies:
        how = "Memorised" if worst.share >= MANY else "A few copies"
        return f"{how}: {found}, in {worst.space}."
    nearer = min(spaces, key=lambda each: each.statistic)
    if held_out and nearer.statistic < -FAR:
        return (
            f"No copies ({worst.share:.1%}, 1% by chance), but on the whole samples lie nearer to training pictures "
            f"than the {control} do, in {nearer.space} (C_T {nearer.statistic:+.1f}): so do samples of little detail, "
            "and samples of a model that begins to memorise."
        )
    return f"No sign of memorising: {found}, in {worst.space}; 1% would be by chance."


def _relative(distances: Tensor) -> Tensor:
    """(N,) of (N, K): 0 for a copy, near 1 for a picture that is equally far from its nearest ones."""
    others = torch.where(distances.isinf(), torch.nan, distances)[:, 1:].nanmean(1)
    return torch.where(others > 0, distances[:, 0] / others, 0.0)


def _p_value(near: int, samples: int, below: int, control: int) -> float:
    """P(at least `near` samples below the control's value number `below`) under one distribution: exact, by ranks.

    That happens if the `near + below` smallest of all values hold at most `below` of the control.
    """
    from scipy.stats import hypergeom

    return float(hypergeom.cdf(below, samples + control, control, near + below)) if near else 1.0


def _statistic(samples: Tensor, control: Tensor) -> float:
    """The Mann-Whitney statistic in standard deviations."""
    from scipy.stats import mannwhitneyu

    one, other = len(samples), len(control)
    larger = float(mannwhitneyu(samples.numpy(), control.numpy()).statistic)
    return (larger - one * other / 2) / (one * other * (one + other + 1) / 12) ** 0.5
