"""What a discriminator's output says under each adversarial loss: how real a point is, from 0 to 1, and the optimum.

For each loss the best output at a point follows from the data's density p and the generated density q there, by setting
the derivative of the discriminator's loss to zero. The logistic loss: p / (p + q) (Goodfellow et al. 2014,
arXiv:1406.2661, proposition 1). Least squares with targets 1 and 0: the same value, as the output itself (Mao et al.
2017, arXiv:1611.04076, eq. 5). Hinge: the sign of p - q (Lim & Ye 2017, arXiv:1705.02894, lemma 1). The relativistic
pairing: log p / q up to a constant. A Wasserstein critic has no optimum that follows from p and q at one point.
"""

from __future__ import annotations

import numpy as np

from imagewright.losses.adversarial import AdversarialName

FAINT = 1e-3  # the optimum is undefined where p + q is below this share of the highest data density


def read_output(loss: AdversarialName, outputs: np.ndarray, real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """How real the discriminator takes points to be, from 0 to 1.

    loss: that it is trained with.
    outputs: at the points, as the network returns them.
    real, fake: its outputs at points of the data and at generated ones, which tell the shift of a relativistic loss and
        the scale of a Wasserstein critic: its means over both are at 1/4 and 3/4.
    """
    if loss == "least_squares":
        return outputs.clip(0, 1)
    if loss == "hinge":
        return ((outputs + 1) / 2).clip(0, 1)
    if loss == "wasserstein":
        middle, half = (real.mean() + fake.mean()) / 2, (real.mean() - fake.mean()) / 2
        return (0.5 + 0.25 * (outputs - middle) / max(half, 1e-6)).clip(0, 1)
    if loss == "relativistic":
        outputs = outputs - critic_shift(real, fake)
    return sigmoid(outputs)


def best_reading(loss: AdversarialName, density: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """What `read_output` would return for the best discriminator; NaN where p + q is nearly 0 (`FAINT`).

    density, generated: p and q at the same points.
    """
    total = density + generated
    known = total > FAINT * density.max()
    if loss == "wasserstein":
        known = np.zeros_like(known)
    best = np.divide(density, total, out=np.full_like(total, np.nan), where=known)
    return np.where(known, np.sign(best - 0.5) / 2 + 0.5, best) if loss == "hinge" else best


def critic_shift(real: np.ndarray, fake: np.ndarray) -> float:
    """The constant to subtract from a relativistic critic's logits before taking their sigmoid.

    A relativistic loss depends on differences of logits only, so a common shift of all logits is arbitrary. This
    constant is the shift at which the derivative of the logistic loss with respect to it is zero.
    """
    from scipy.optimize import brentq

    ends = min(real.min(), fake.min()) - 1, max(real.max(), fake.max()) + 1
    shift: float = brentq(lambda c: sigmoid(c - real).mean() - sigmoid(fake - c).mean(), *ends)
    return shift


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    from scipy.special import expit

    probabilities: np.ndarray = expit(logits)
    return probabilities
