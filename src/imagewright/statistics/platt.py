"""Platt scaling: margins of a binary classifier to probabilities by a fitted sigmoid.

Platt 1999, "Probabilistic outputs for support vector machines", section 2; Lin, Lin & Weng 2007, "A note on Platt's
probabilistic outputs" (a form of the loss that does not overflow).
"""

from __future__ import annotations

import numpy as np


def fit_sigmoid(margins: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """(slope, offset) such that sigmoid(slope * margin + offset) is the probability of the positive class.

    With P positives and M negatives the targets are (P + 1) / (P + 2) and 1 / (M + 2), which keeps probabilities off 0
    and 1. The slope is constrained to be at least 0: if margins on unseen pictures rank the classes the wrong way
    round, the probability does not depend on the margin.

    margins: (N,).
    positive: bool (N,).
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    positives = int(positive.sum())
    targets = np.where(positive, (positives + 1) / (positives + 2), 1 / (len(positive) - positives + 2))
    scale = max(float(np.abs(margins).max()), 1e-12)
    scaled = margins / scale

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        logits = values[0] * scaled + values[1]
        residuals = expit(logits) - targets
        gradient = np.array([residuals @ scaled, residuals.sum()])
        return float((np.logaddexp(0, logits) - targets * logits).sum()), gradient

    share = targets.mean()
    start = np.array([0.0, np.log(share / (1 - share))])
    options = {"gtol": 1e-9, "ftol": 1e-14, "maxiter": 1000}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)], options=options)
    return float(found.x[0]) / scale, float(found.x[1])
