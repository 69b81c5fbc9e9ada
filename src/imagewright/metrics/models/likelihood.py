"""Log-likelihoods of real pictures, for models that have one: exact, or a bound from below.

The mean over the reference, best of pictures that the model was not trained on, in nats a picture and in bits a
dimension: minus the former, over all pixel values, in units of log 2. A variational model gives the importance-weighted
bound of Burda et al. 2015, arXiv:1509.00519, which rises with the `samples`. What a likelihood is of is in the names of
the numbers, so that only like ones share a column (Theis et al. 2016, arXiv:1511.01844, section 3.1):

- `log_likelihood`: of 8-bit pictures; uniform noise of one grey level makes a bound of a density;
- `log_likelihood_cut`, `log_likelihood_drawn`: of pixels made black or white, at half their range or by chance;
- `log_density`: of pixels in [-1, 1], without noise: no probability, and any height can be reached.

A model's other scores (an error, a critic's logit, a density of latents) are no likelihood of pictures.
"""

from __future__ import annotations

import math

import numpy as np

from imagewright import catalogue
from imagewright.capabilities import knows_likelihood, verbs_of
from imagewright.errors import ConfigError, DataError
from imagewright.metrics.intervals import normal_interval
from imagewright.metrics.metric import Metric, Output, Sample, Setting, Value
from imagewright.model import Model
from imagewright.seeds import derive_seed
from imagewright.verbs.apply import score

AT_ONCE = 256
# What it is of: the names of both numbers, and words.
KINDS = {
    "8-bit": ("log_likelihood", "bits_per_dimension", "of 8-bit pictures"),
    "cut": ("log_likelihood_cut", "bits_per_dimension_cut", "of pictures cut to black and white"),
    "drawn": ("log_likelihood_drawn", "bits_per_dimension_drawn", "of pictures drawn black and white by their grey"),
    "density": ("log_density", "bits_per_dimension_density", "a density of pixels in [-1, 1]"),
}


def check_has_likelihood(model: Model) -> None:
    """Raise `DataError` for a model without one, saying what its score is."""
    if knows_likelihood(model):
        return
    name = catalogue.name_of(model)
    if "score" not in verbs_of(model):
        has = "does not score pictures at all"
    else:
        has = f"scores pictures by another number: {model.score_unit}"
    raise DataError(f"likelihood asks for log-likelihoods of pictures, and this {name} {has}. A vae or pca has one.")


def bits_per_dimension(log_likelihoods: np.ndarray, dimensions: int) -> np.ndarray:
    """Nats a picture (N,) as bits a pixel value: the fewer the better."""
    bits: np.ndarray = -log_likelihoods / (dimensions * math.log(2))
    return bits


def _compute(sample: Sample, reference: Sample | None, setting: Setting) -> dict[str, Value]:
    assert reference is not None
    model = sample.model
    assert model is not None
    check_has_likelihood(model)
    assert knows_likelihood(model)
    samples, most = setting.options["samples"], setting.options["pictures"]
    if samples < 1 or most < 2:
        raise ConfigError(f"samples={samples} and pictures={most}, but one and two at least were expected.")
    chosen = np.random.default_rng(derive_seed(setting.seed, "likelihood")).permutation(len(reference))
    rows = np.sort(chosen[:most])
    found = np.concatenate(
        [
            score(
                model,
                reference.pictures.pictures(rows[start : start + AT_ONCE]),
                samples=samples,
                seed=derive_seed(setting.seed, "likelihood of", start),
            )
            .double()
            .numpy()
            for start in range(0, len(rows), AT_ONCE)
        ]
    )
    if not np.isfinite(found).all():
        raise DataError(
            f"{int((~np.isfinite(found)).sum()):,} of {len(found):,} pictures of {reference.source} have a likelihood "
            "that is no finite number under this model: their mean would say nothing."
        )
    assert model.likelihood_of is not None
    nats, bits, of = KINDS[model.likelihood_of]
    how = f"95 %, by the standard error over {len(found):,} pictures; {of}, {model.score_unit}"
    dimensions = math.prod(model.config.image_shape)
    return {nats: _mean(found, how), bits: _mean(bits_per_dimension(found, dimensions), how)}


def _mean(values: np.ndarray, how: str) -> Value:
    return normal_interval(float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values)), how)


METRIC = Metric(
    name="likelihood",
    outputs=tuple(
        output
        for nats, bits, of in KINDS.values()
        for output in (
            Output(nats, f"log-likelihood, nats a picture, {of}", "higher"),
            Output(bits, f"bits a dimension, {of}", "lower"),
        )
    ),
    needs=frozenset({"model", "reference"}),
    compute=_compute,
    source="Burda et al. 2015, arXiv:1509.00519; Theis et al. 2016, arXiv:1511.01844",
    least=2,
    options={"samples": 64, "pictures": 2_000},
)
