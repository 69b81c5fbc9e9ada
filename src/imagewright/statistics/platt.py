"""Platt's sigmoid: margins of a two-class machine to a probability.

Platt 1999, "Probabilistic outputs for support vector machines", section 2; Lin, Lin & Weng 2007, "A note on Platt's
probabilistic outputs" (the loss written so that nothing overflows).
"""

from __future__ import annotations

import numpy as np


def sigmoid_of(margins: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """(slope, offset) such that the sigmoid of slope x margin + offset is the chance of the class.

    `margins` (N,), `positive` bool (N,). Targets are (P + 1) / (P + 2) and 1 / (M + 2) for P positives and M others, so
    that no machine is ever certain. The slope is never negative: margins that mislead on unseen pictures say nothing.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    positives = int(positive.sum())
    targets = np.where(positive, (positives + 1) / (positives + 2), 1 / (len(positive) - positives + 2))
    scale = max(float(np.abs(margins).max()), 1e-12)
    scaled = margins / scale

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        logits = values[0] * scaled + values[1]
        missed = expit(logits) - targets
        return float((np.logaddexp(0, logits) - targets * logits).sum()), np.array([missed @ scaled, missed.sum()])

    share = targets.mean()
    start = np.array([0.0, np.log(share / (1 - share))])
    options = {"gtol": 1e-9, "ftol": 1e-14, "maxiter": 1000}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)], options=options)
    return float(found.x[0]) / scale, float(found.x[1])
