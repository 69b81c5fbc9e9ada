"""Whether samples are copies of training pictures: shares with their control, significance tests, and a sentence.

A small distance alone does not show a copy, since samples with little detail are near to every picture. A copy is near
to one picture and not to that picture's neighbours. So the distance to the nearest picture is divided by the mean
distance to the next ones, as Carlini et al. 2023, arXiv:2301.13188, section 5, do for diffusion models.
Samples are copies if too many are below the value that 1% of the control is below, or many more than of the control are
far below its median. The second test does not depend on the nearest pictures of the control, which may be
near-duplicates that were not recognised as such.
Shape letters: S samples, Q pictures of the control, K nearest training pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CONTROL_SHARE = 0.01  # of the control: a sample with a smaller relative distance counts as a copy
FAR_BELOW = 3.0  # robust standard deviations (1.4826 median absolute deviations) below the control's median
FAR_BELOW_MORE = 0.1  # by so much the share of samples far below must be above the control's
SIGNIFICANT = 1e-3  # p-value
MANY = 0.05  # of the samples
NEARER = 0.75  # probability that a sample is relatively nearer than a picture of the control; 0.5 is chance
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
    relatively_nearer: the probability that a sample has a smaller relative distance than a picture of the control, 0.5
        by chance. Little detail brings samples near to all pictures, and does not make it large.
    far_below: the share of the samples whose relative distance is far below the control's median.
    control_far_below: the same share of the control.
    far_below_p_value: the probability of so much larger a share if samples and control had the same distribution.
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
    relatively_nearer: float
    far_below: float
    control_far_below: float
    far_below_p_value: float

    @property
    def has_copies(self) -> bool:
        """Whether there are significantly more copies among the samples than by chance."""
        return self.p_value < SIGNIFICANT or self.has_many_far_below

    @property
    def has_many_far_below(self) -> bool:
        """Whether many more of the samples than of the control are far below the control's median."""
        more = self.far_below - self.control_far_below
        return self.far_below_p_value < SIGNIFICANT and more > FAR_BELOW_MORE

    @property
    def copies(self) -> float:
        """The share of copies among the samples."""
        return max(self.share, self.far_below if self.has_many_far_below else 0.0)


def compare_distances(space: str, distances: Tensor, indices: Tensor, control: Tensor) -> SpaceComparison:
    """Compare samples with the control.

    distances, indices: (S, K), of the samples' nearest training pictures.
    control: (Q, K), distances of the control's nearest training pictures.
    """
    relative, control_relative = _relative(distances), _relative(control)
    below = int(CONTROL_SHARE * len(control))
    threshold = float(control_relative.sort().values[below])
    near = int((relative < threshold).sum())
    median = control_relative.median()
    far_threshold = float(median - FAR_BELOW * 1.4826 * (control_relative - median).abs().median())
    far, control_far = int((relative < far_threshold).sum()), int((control_relative < far_threshold).sum())
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
        _share_below(relative, control_relative),
        far / len(relative),
        control_far / len(control),
        _p_value_of_shares(far, len(relative), control_far, len(control)),
    )


def state_verdict(spaces: list[SpaceComparison], control: str, *, held_out: bool) -> str:
    """One sentence, about the space with the most copies.

    Without a `held_out` control, distances are compared in pixels alone: the control is training pictures, which a
    model's own features hold farther apart than other pictures.
    """
    worst = max(spaces, key=lambda each: (each.has_copies, each.copies))
    found = f"{worst.share:.1%} of the samples are nearer to one training picture than 99% of the {control} are"
    if worst.has_copies and worst.p_value >= SIGNIFICANT:
        found = (
            f"{worst.far_below:.1%} of the samples are far nearer to one training picture than the {control} usually "
            f"are, of which {worst.control_far_below:.1%} are"
        )
    if worst.has_copies:
        how = "Memorised" if worst.copies >= MANY else "A few copies"
        return f"{how}: {found}, in {worst.space}."
    judged = [each for each in spaces if held_out or each.space == "pixels"]
    nearer = min(judged, key=lambda each: each.statistic)
    if nearer.statistic >= -FAR:
        return f"No sign of memorising: {found}, in {worst.space}; 1% would be by chance."
    whole = (
        f"No copies ({worst.share:.1%}, 1% by chance), but on the whole samples lie nearer to training pictures than "
        f"the {control} do, in {nearer.space} (C_T {nearer.statistic:+.1f})"
    )
    if nearer.relatively_nearer > NEARER:
        return f"{whole}, and nearer to one of them than to others: so do samples of a model that begins to memorise."
    return f"{whole}, though no nearer to one of them than to others: so do samples of little detail."


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


def _p_value_of_shares(near: int, samples: int, control_near: int, control: int) -> float:
    """P(at least `near` of all that are near are samples) under one distribution: Fisher's exact test, one-sided."""
    from scipy.stats import hypergeom

    return float(hypergeom.sf(near - 1, samples + control, samples, near + control_near)) if near else 1.0


def _share_below(samples: Tensor, control: Tensor) -> float:
    """P(a number of the samples < a number of the control), ties counted half."""
    one, other = len(samples), len(control)
    return 0.5 - _statistic(samples, control) * ((one + other + 1) / (12 * one * other)) ** 0.5


def _statistic(samples: Tensor, control: Tensor) -> float:
    """The Mann-Whitney statistic in standard deviations."""
    from scipy.stats import mannwhitneyu

    one, other = len(samples), len(control)
    larger = float(mannwhitneyu(samples.numpy(), control.numpy()).statistic)
    return (larger - one * other / 2) / (one * other * (one + other + 1) / 12) ** 0.5
