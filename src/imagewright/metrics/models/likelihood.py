"""Log-likelihoods of real pictures under models that have one: exact, or a lower bound.

The mean over the reference, which should not be training pictures, in nats per picture and in bits per dimension: minus
the log-likelihood, over the number of pixel values times log 2. A variational model reports the importance-weighted
bound of Burda et al. 2015, arXiv:1509.00519, which rises with the number of `samples`. The names of the outputs tell
what the likelihood is of, so that only comparable numbers share a column (Theis et al. 2016, arXiv:1511.01844, section
3.1):

- `log_likelihood`: of 8-bit pictures; uniform dequantisation noise turns a density into a lower bound;
- `log_likelihood_cut`, `log_likelihood_drawn`: of binary pixels, by a threshold at half range or sampled by grey value;
- `log_density`: of pixels in [-1, 1] without dequantisation: not a probability, and unbounded above.

A model's other scores (an error, a critic's logit, a density of latents) are not likelihoods of pictures.
"""

from __future__ import annotations

import math

import numpy as np

from imagewright import catalogue
from imagewright.capabilities import knows_likelihood, verbs_of
from imagewright.errors import ConfigError, DataError
from imagewright.metrics.intervals import normal_interval
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Sample, Value
from imagewright.model import Model
from imagewright.seeds import derive_seed
from imagewright.verbs.apply import score

AT_ONCE = 256
# By the model's `likelihood_of`: the names of both outputs, and a description.
KINDS = {
    "8-bit": ("log_likelihood", "bits_per_dimension", "of 8-bit pictures"),
    "cut": ("log_likelihood_cut", "bits_per_dimension_cut", "of pictures binarised by a threshold"),
    "drawn": ("log_likelihood_drawn", "bits_per_dimension_drawn", "of pictures binarised by sampling"),
    "density": ("log_density", "bits_per_dimension_density", "a density of pixels in [-1, 1]"),
}


def check_has_likelihood(model: Model) -> None:
    """Raise `DataError` for a model without a likelihood; the message names the model's score."""
    if knows_likelihood(model):
        return
    name = catalogue.name_of(model)
    if "score" not in verbs_of(model):
        has = "does not score pictures"
    else:
        has = f"scores pictures in another unit: {model.score_unit}"
    raise DataError(f"likelihood needs log-likelihoods of pictures, and this {name} {has}. A vae or pca has one.")


def bits_per_dimension(log_likelihoods: np.ndarray, dimensions: int) -> np.ndarray:
    """Nats per picture (N,) as bits per dimension; lower is better. `dimensions`: pixel values of a picture."""
    bits: np.ndarray = -log_likelihoods / (dimensions * math.log(2))
    return bits


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    assert reference is not None
    model = sample.model
    assert model is not None
    check_has_likelihood(model)
    assert knows_likelihood(model)
    samples, most = context.options["samples"], context.options["pictures"]
    if samples < 1 or most < 2:
        raise ConfigError(f"samples={samples} and pictures={most}, but at least one and two were expected.")
    chosen = np.random.default_rng(derive_seed(context.seed, "likelihood")).permutation(len(reference))
    rows = np.sort(chosen[:most])
    found = np.concatenate(
        [
            score(
                model,
                reference.pictures.pictures(rows[start : start + AT_ONCE]),
                samples=samples,
                seed=derive_seed(context.seed, "likelihood of", start),
            )
            .double()
            .numpy()
            for start in range(0, len(rows), AT_ONCE)
        ]
    )
    if not np.isfinite(found).all():
        raise DataError(
            f"{int((~np.isfinite(found)).sum()):,} of {len(found):,} pictures of {reference.source} have a likelihood "
            "under this model that is not a finite number, so the mean is undefined."
        )
    assert model.likelihood_of is not None
    nats, bits, description = KINDS[model.likelihood_of]
    how = f"95 %, by the standard error over {len(found):,} pictures; {description}, {model.score_unit}"
    dimensions = math.prod(model.config.image_shape)
    return {nats: _mean(found, how), bits: _mean(bits_per_dimension(found, dimensions), how)}


def _mean(values: np.ndarray, how: str) -> Value:
    return normal_interval(float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values)), how)


METRIC = Metric(
    name="likelihood",
    outputs=tuple(
        output
        for nats, bits, description in KINDS.values()
        for output in (
            MetricOutput(nats, f"log-likelihood, nats per picture, {description}", "higher"),
            MetricOutput(bits, f"bits per dimension, {description}", "lower"),
        )
    ),
    needs=frozenset({"model", "reference"}),
    compute=_compute,
    source="Burda et al. 2015, arXiv:1509.00519; Theis et al. 2016, arXiv:1511.01844",
    summary="log-likelihood of real pictures under the model",
    least=2,
    options={"samples": 64, "pictures": 2_000},
)
