"""Path length: closed forms of linear decoders, several kinds of latents, and outliers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from picture_sets import ArrayPictures, Darker, Linear
from torch import Tensor

from imagewright.errors import ConfigError, DataError, UserError
from imagewright.metrics.metric import MetricContext, Sample
from imagewright.metrics.models.path_length import (
    METRIC,
    mean_without_outliers,
    open_distance,
    path_lengths,
    path_steps,
)
from imagewright.verbs.apply import sample_numbered_latents
from imagewright.verbs.paths import slerp

PIXELS = open_distance("pixels", torch.device("cpu"))


class Straight(Linear):
    """Latents far from standard normal, which are interpolated linearly."""

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        return 5 + 3 * super().sample_latents(count, generator)


def test_a_linear_decoder_on_straight_paths() -> None:
    """d = |M (b - a)|^2 epsilon^2 / pixels at each t, whatever epsilon is."""
    model = Straight()
    starts, ends = path_steps(model, range(20), epsilon=1.0, endpoints="start", seed=3)
    expected = ((ends - starts) @ model.matrix.T).square().mean(1).numpy()
    for endpoints in ("uniform", "start"):
        found = path_lengths(model, PIXELS, count=20, epsilon=1e-3, endpoints=endpoints, seed=3)
        np.testing.assert_allclose(found, expected, rtol=5e-3)


def test_a_linear_decoder_on_great_circles() -> None:
    """Against the derivative of the arc by differences in float64, at the start of the path."""
    model = Linear()
    found = path_lengths(model, PIXELS, count=30, epsilon=1e-4, endpoints="start", seed=0)
    starts, _ = path_steps(model, range(30), epsilon=1e-4, endpoints="start", seed=0)
    whole = path_steps(model, range(30), epsilon=1.0, endpoints="start", seed=0)[1]
    at = [slerp(starts.double(), whole.double(), torch.full((30,), t, dtype=torch.float64)) for t in (0.0, 1e-6)]
    speed = (at[1] - at[0]) / 1e-6
    expected = (speed @ model.matrix.double().T).square().mean(1).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-2)


def test_the_length_of_steps() -> None:
    model = Linear()
    first, second = path_steps(model, range(50), epsilon=1e-4, endpoints="uniform", seed=0)
    third = path_steps(model, range(10, 20), epsilon=1e-4, endpoints="uniform", seed=0)[0]
    torch.testing.assert_close(third, first[10:20], rtol=0, atol=0)  # path k does not depend on the count
    lengths = (second - first).norm(dim=1)
    assert 0 < lengths.min() <= lengths.max() < 2e-3


def test_the_condition_is_constant_along_a_path() -> None:
    model = Linear(conditional=True)
    first, second = path_steps(model, range(40), epsilon=0.05, endpoints="uniform", seed=0)
    torch.testing.assert_close(first[:, -2:], second[:, -2:], rtol=0, atol=0)
    assert set(first[:, -2:].flatten().tolist()) == {0.0, 1.0}
    assert ((first - second)[:, :-2].abs().sum(1) > 0).all()


def test_batched_slerp_equals_slerp_of_each_row() -> None:
    generator = torch.Generator().manual_seed(0)
    starts, ends = torch.randn(2, 7, 5, generator=generator)
    ends[2], starts[3], ends[4] = 2 * starts[2], 0, -starts[4]  # no great circle is defined here
    shares = torch.rand(7, generator=generator)
    whole = slerp(starts, ends, shares)
    for row in range(7):
        torch.testing.assert_close(whole[row], slerp(starts[row], ends[row], shares[row : row + 1])[0])
    assert whole.isfinite().all()


def test_the_mean_discards_a_hundredth_at_each_end() -> None:
    lengths = np.concatenate([np.full(97, 10.0), [-1e9, 1e9, 1e9]])
    assert mean_without_outliers(np.concatenate([np.full(298, 10.0), [-1e9, 1e9]])) == 10.0
    assert mean_without_outliers(lengths) != 10.0  # more than a hundredth is not discarded
    assert mean_without_outliers(np.array([3.0])) == 3.0


def measured(model: Linear, **options: object) -> float:
    sample = Sample("model", ArrayPictures(np.zeros((1, 1, 8, 8), np.uint8)), model=model)
    context = MetricContext({**METRIC.options, "paths": 40, "distance": "pixels", **options})
    value = METRIC.compute(sample, None, context)["path_length"]
    assert value.low is not None
    assert value.high is not None
    assert value.low <= value.value <= value.high
    return value.value


def test_a_model_of_twice_the_contrast_has_four_times_the_length() -> None:
    model = Linear()
    once = measured(model)
    model.matrix *= 2
    assert measured(model) == pytest.approx(4 * once, rel=1e-4)
    assert model.training  # the mode is restored


def test_random_features_respond_to_steps_below_a_grey_level() -> None:
    """The length converges as the step shrinks, so pictures are not rounded."""
    coarse, fine = (measured(Linear(size=(32, 32)), distance="random", epsilon=step) for step in (1e-3, 1e-4))
    assert fine == pytest.approx(coarse, rel=0.05)
    assert fine > 0


def test_paths_use_other_latents_than_samples() -> None:
    model = Linear()
    starts, _ = path_steps(model, range(3), epsilon=1e-4, endpoints="start", seed=0)
    assert not torch.equal(starts, sample_numbered_latents(model, range(3), 0))


def test_options_and_models_that_raise() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'pixels'"):
        measured(Linear(), distance="pixel")
    for options in ({"epsilon": 0.0}, {"epsilon": 1.0}, {"endpoints": "both"}):
        with pytest.raises(ConfigError, match=r"epsilon=.*endpoints="):
            measured(Linear(), **options)
    with pytest.raises(UserError, match="cannot sample"):
        path_lengths(Darker((8, 8), 1, 0), PIXELS, count=2)
    broken = Linear()
    broken.matrix[0] = torch.nan
    with pytest.raises(DataError, match="not finite numbers"):
        measured(broken)
