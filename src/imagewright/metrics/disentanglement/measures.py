"""Disentanglement of a model's latents against known factors: MIG and DCI with their intervals, and what they say.

Shape letters: N pictures, Z latents, F factors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imagewright.capabilities import Encodes, require
from imagewright.errors import ConfigError, DataError
from imagewright.metrics.disentanglement.importances import completeness_of, disentanglement_of, fit_importances
from imagewright.metrics.disentanglement.known_factors import KnownFactors
from imagewright.metrics.disentanglement.mutual_information import (
    bin_evenly,
    entropies,
    information_gaps,
    mutual_information,
)
from imagewright.metrics.intervals import normal_interval
from imagewright.metrics.metric import Value
from imagewright.model import Model
from imagewright.pixels import to_float
from imagewright.seeds import derive_seed
from imagewright.verbs.blocks import in_blocks

LEAST, ADVISED = 100, 2_000  # pictures
MOST_LATENTS = 2_048
LATENT_BINS, FACTOR_BINS = 20, 10
HALVES = 8
OUTPUTS = ("mig", "dci_disentanglement", "dci_completeness", "dci_informativeness")


@dataclass(frozen=True)
class Disentanglement:
    """Which latent holds which factor.

    latents: numbers of the latents, int64 (Z,).
    factors: names (F,).
    information: mutual information of each latent and factor over the entropy of the factor, (Z, F).
    importances: of each latent for each factor, (Z, F); those of a factor sum to 1.
    gaps: of each factor, the terms of the MIG, (F,).
    predicted: how well each factor is predicted from all latents, (F,), from 0 to 1.
    values: MIG and DCI with intervals, by `OUTPUTS`.
    pictures: N.
    notes: for the user.
    """

    latents: np.ndarray
    factors: tuple[str, ...]
    information: np.ndarray
    importances: np.ndarray
    gaps: np.ndarray
    predicted: np.ndarray
    values: dict[str, Value]
    pictures: int
    notes: tuple[str, ...]


def measure_disentanglement(
    latents: np.ndarray, factors: KnownFactors, *, trees: int = 10, seed: int = 0
) -> Disentanglement:
    """Measure which latent holds which factor.

    latents: (N, Z).
    factors: of the same pictures; those with a missing factor are left out, and factors that are constant.
    trees: of each forest that predicts a factor.
    seed: of the choice of pictures held out, of the forests and of the half samples.

    Raises `DataError` for fewer than 100 pictures, no factor that varies, too many latents, or latents that are no
    finite numbers.
    """
    rows = factors.complete_rows()
    notes = []
    if len(rows) < len(latents):
        notes.append(f"{len(latents) - len(rows):,} of {len(latents):,} pictures lack a factor, and are left out.")
    known, constant = factors.of_rows(rows).varying()
    if constant:
        notes.append(f"Factors that are the same in all pictures are left out: {', '.join(constant)}.")
    if len(known.names) == 1:
        notes.append("With one known factor no latent can mix several: DCI disentanglement says nothing.")
    latents = latents[rows]
    _check(latents, known)
    codes, levels = bin_evenly(latents, LATENT_BINS), bin_evenly(known.values, FACTOR_BINS)
    information, gaps = _information(codes, levels)
    importances, predicted = fit_importances(latents, known.values, known.classes, trees=trees, seed=seed)
    values = dict(zip(OUTPUTS, (gaps.mean(), *_summaries(importances, predicted)), strict=True))
    spread = _half_samples(len(rows), seed, lambda half: _of_half(codes, levels, latents, known, half, trees, seed))
    how = f"95 %, normal, from {HALVES} half samples of the pictures"
    return Disentanglement(
        latents=np.arange(latents.shape[1]),
        factors=known.names,
        information=information,
        importances=importances,
        gaps=gaps,
        predicted=predicted,
        values={
            name: normal_interval(float(value), float(error), how, least=0, most=1)
            for (name, value), error in zip(values.items(), spread, strict=True)
        },
        pictures=len(rows),
        notes=tuple(notes),
    )


def encode_pictures(model: Model, pictures: Callable[[np.ndarray], Tensor], rows: np.ndarray, at_once: int) -> Tensor:
    """The latents of some pictures, float32 (n, Z).

    pictures: from rows int64 (n,) to uint8 (n, C, H, W).
    rows: int64 (n,).
    at_once: pictures read together.
    Raises `UserError` for a model that does not encode.
    """
    coder = require(model, Encodes)

    def encode(block: Tensor) -> Tensor:
        return coder.encode(to_float(block)).flatten(1).float()

    parts = (rows[start : start + at_once] for start in range(0, len(rows), at_once))
    return torch.cat([in_blocks(model, encode, pictures(part)) for part in parts])


def _check(latents: np.ndarray, known: KnownFactors) -> None:
    if len(latents) < LEAST:
        raise DataError(f"{len(latents):,} pictures have known factors, and disentanglement needs {LEAST} at least.")
    if not known.names:
        raise DataError("No known factor differs between the pictures: disentanglement needs one at least that does.")
    if latents.shape[1] > MOST_LATENTS:
        raise DataError(
            f"The model's latents have {latents.shape[1]:,} numbers, and disentanglement is measured of at most "
            f"{MOST_LATENTS:,}: train one with a smaller latent."
        )
    if not np.isfinite(latents).all():
        raise DataError("The model encodes pictures to latents that are not finite numbers.")


def _information(codes: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mutual information over the entropy of each factor, (Z, F), and the gaps (F,)."""
    information, entropy = mutual_information(codes, levels), np.maximum(entropies(levels), 1e-12)
    return information / entropy, information_gaps(information, entropy)


def _summaries(importances: np.ndarray, predicted: np.ndarray) -> tuple[float, float, float]:
    return disentanglement_of(importances), completeness_of(importances), float(predicted.mean())


def _of_half(
    codes: np.ndarray,
    levels: np.ndarray,
    latents: np.ndarray,
    known: KnownFactors,
    half: np.ndarray,
    trees: int,
    seed: int,
) -> tuple[float, ...]:
    _, gaps = _information(codes[half], levels[half])
    fitted = fit_importances(latents[half], known.values[half], known.classes, trees=trees, seed=seed)
    return float(gaps.mean()), *_summaries(*fitted)


def _half_samples(count: int, seed: int, measure: Callable[[np.ndarray], tuple[float, ...]]) -> np.ndarray:
    """Standard errors by the delete-half jackknife: the deviation over random halves (Shao & Wu 1989)."""
    found = []
    for number in range(HALVES):
        chosen = np.random.default_rng(derive_seed(seed, "half", number)).permutation(count)[: count // 2]
        found.append(measure(chosen))
    errors: np.ndarray = np.std(found, axis=0, ddof=1)
    return errors


def check_options(options: dict[str, Any]) -> None:
    """Raise `ConfigError` for a number of trees or pictures below what can be measured."""
    for name, least in (("trees", 1), ("pictures", LEAST)):
        if options[name] < least:
            raise ConfigError(f"{name}={options[name]}, but {least} or more were expected.")
