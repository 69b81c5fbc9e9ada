"""DCI: disentanglement, completeness and informativeness, from what predicts each factor.

Eastwood & Williams 2018, "A Framework for the Quantitative Evaluation of Disentangled Representations", ICLR, section
2; the predictors are random forests, as in their section 4.3. Shape letters: N pictures, Z latents, F factors.
"""

from __future__ import annotations

import numpy as np

from imagewright.seeds import derive_seed

HELD_OUT = 4  # one picture in so many tells how well a factor is predicted
LEAF = 4  # pictures in each leaf, at least


def fit_importances(
    latents: np.ndarray, factors: np.ndarray, classes: np.ndarray, *, trees: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The importance of each latent for each factor, float64 (Z, F), and how well each is predicted, float64 (F,).

    latents: (N, Z).
    factors: (N, F).
    classes: bool (F,), the factors whose numbers are names of classes.
    trees: of each forest.

    Importances of a factor sum to 1, or are 0 if nothing predicts it. Predictions are of pictures held out: the share
    of variance explained, or of a class the accuracy above that of the commonest class; from 0 to 1.
    """
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    order = np.random.default_rng(derive_seed(seed, "dci")).permutation(len(latents))
    test, train = order[: len(order) // HELD_OUT], order[len(order) // HELD_OUT :]
    importances, scores = np.zeros((latents.shape[1], factors.shape[1])), np.zeros(factors.shape[1])
    for column in range(factors.shape[1]):
        of_class = bool(classes[column])
        kind = RandomForestClassifier if of_class else RandomForestRegressor
        state = derive_seed(seed, "forest", column) % 2**32
        # Every split looks at all latents: chosen among a few, unimportant ones would be split by, too.
        forest = kind(trees, max_features=1.0, min_samples_leaf=LEAF, random_state=state)
        forest.fit(latents[train], factors[train, column])
        importances[:, column] = forest.feature_importances_
        predicted, known = forest.predict(latents[test]), factors[test, column]
        scores[column] = _accuracy_above(predicted, known) if of_class else _explained(predicted, known)
    return importances, scores


def _accuracy_above(predicted: np.ndarray, known: np.ndarray) -> float:
    """0 for the accuracy of the commonest class, 1 for no error."""
    commonest = np.unique(known, return_counts=True)[1].max() / len(known)
    return float(np.clip(((predicted == known).mean() - commonest) / max(1 - commonest, 1e-12), 0, 1))


def _explained(predicted: np.ndarray, known: np.ndarray) -> float:
    return float(np.clip(1 - np.square(predicted - known).mean() / max(float(known.var()), 1e-12), 0, 1))


def disentanglement_of(importances: np.ndarray) -> float:
    """1 if each latent is important for one factor alone, 0 if each is equally important for all.

    importances: (Z, F). One minus the entropy of each row, to the base F, weighted by the sum of the row.
    """
    weights = importances.sum(1)
    if not weights.sum():
        return 0.0
    return float((_one_minus_entropy(importances.T) * weights).sum() / weights.sum())


def completeness_of(importances: np.ndarray) -> float:
    """1 if one latent alone is important for each factor, 0 if all are equally so: the mean over the factors."""
    return float(_one_minus_entropy(importances).mean())


def _one_minus_entropy(importances: np.ndarray) -> np.ndarray:
    """Of each column, to the base of the number of rows; 0 for a column of zeros, 1 if there is one row."""
    total = importances.sum(0)
    shares = importances / np.where(total > 0, total, 1)
    logs = np.log(np.where(shares > 0, shares, 1))
    entropy = -(shares * logs).sum(0) / max(np.log(len(importances)), 1e-12)
    found: np.ndarray = np.where(total > 0, 1 - entropy, 0.0)
    return found
