"""The methods of `components`: the models that they fit, and the words that figures and summaries use for them."""

from __future__ import annotations

METHODS = {"pca": "pca", "ica": "ica", "lda": "lda", "random": "random_projection"}
NAMES = {
    "pca": "principal components",
    "ica": "independent components",
    "lda": "discriminants",
    "random": "random directions",
}
SHARES = (0.9, 0.95, 0.99)  # of the variance, for which the number of components is reported
