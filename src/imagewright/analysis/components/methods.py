"""The methods of `components`: the model of each, and the words for its components in figures and summaries."""

from __future__ import annotations

METHODS = {"pca": "pca", "ica": "ica", "lda": "lda", "random": "random_projection"}
NAMES = {
    "pca": "principal components",
    "ica": "independent components",
    "lda": "discriminants",
    "random": "random directions",
}
SINGULAR = {
    "pca": "principal component",
    "ica": "independent component",
    "lda": "discriminant",
    "random": "random direction",
}
SHARES = (0.9, 0.95, 0.99)  # shares of the variance for which the number of components is reported
