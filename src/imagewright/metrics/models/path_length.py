"""Perceptual path length: how much a picture changes while its latent moves a little, on average over many ways.

Karras, Laine & Aila 2019, arXiv:1812.04948, section 4.1, in the space that the model draws from (z). Between two drawn
latents the picture should change evenly: where it appears, vanishes or jumps, the length is great.
Shape letters: N ways, n numbers of a latent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from imagewright.capabilities import Samples, latent_parts_of, require
from imagewright.errors import ConfigError, DataError, nearest_name
from imagewright.metrics.intervals import bootstrap
from imagewright.metrics.metric import Metric, Output, Sample, Setting, Value
from imagewright.metrics.pictures.lpips import lpips_of
from imagewright.model import Model
from imagewright.pretrained.features.contract import Features
from imagewright.pretrained.features.random import SIDE, open_random
from imagewright.pretrained.perceptual import PUBLISHED, open_perceptual
from imagewright.seeds import derive_seed
from imagewright.verbs.apply import sample_numbered_latents
from imagewright.verbs.blocks import LARGEST_BLOCK, in_blocks
from imagewright.verbs.paths import default_interpolation, noise_places, slerp

WAYS_AT_ONCE = 4 * LARGEST_BLOCK
OUTLIERS = (1.0, 99.0)  # percentiles outside which lengths are left out, as the authors' program does

Distance = Callable[[Tensor, Tensor], Tensor]
"""Pictures float (N, C, H, W) in [-1, 1] to how far the pairs are apart, (N,)."""


def ends_of_steps(
    model: Model, numbers: range, *, epsilon: float, endpoints: Literal["uniform", "start"], seed: int
) -> tuple[Tensor, Tensor]:
    """Latents at t and t + epsilon of the ways with these numbers, float32 (N, *latent shape) each.

    t is uniform from 0 to 1, or 0 (`start`). Normal latents go along the great circle, others straight. What a latent
    says of class and attributes stays that of the way's start: nobody asks for a picture between two classes.
    """
    starts, ends = (sample_numbered_latents(model, numbers, derive_seed(seed, "path", end)) for end in ("start", "end"))
    shares = torch.zeros(len(numbers), dtype=torch.float64)
    if endpoints == "uniform":
        draws = [np.random.default_rng(derive_seed(seed, "path", number)).uniform() for number in numbers]
        shares = torch.tensor(draws, dtype=torch.float64)
    # In float64: what float32 rounds away of a latent is about a thousandth of a step.
    first, last = starts.flatten(1).double(), ends.flatten(1).double()
    parts = latent_parts_of(model)
    held = [torch.arange(part.start, part.stop) for part in parts if part.kind in ("category", "attributes")]
    if held:
        last[:, torch.cat(held)] = first[:, torch.cat(held)]
    noise = noise_places(parts) if default_interpolation(model) == "spherical" else torch.empty(0, dtype=torch.int64)

    def at(shares: Tensor) -> Tensor:
        latents = torch.lerp(first, last, shares[:, None])
        latents[:, noise] = slerp(first[:, noise], last[:, noise], shares)
        return latents.float().view_as(starts)

    return at(shares), at(shares + epsilon)


def path_lengths(
    model: Model,
    distance: Distance,
    *,
    count: int,
    epsilon: float = 1e-4,
    endpoints: Literal["uniform", "start"] = "uniform",
    seed: int = 0,
) -> np.ndarray:
    """d(G(z(t)), G(z(t + epsilon))) / epsilon^2 of `count` ways, float64 (count,). Way k is the same in any count.

    Raises `UserError` for a model that draws no samples.
    """
    sampler = require(model, Samples)
    found = []
    for start in range(0, count, WAYS_AT_ONCE):
        numbers = range(start, min(start + WAYS_AT_ONCE, count))
        ends = ends_of_steps(model, numbers, epsilon=epsilon, endpoints=endpoints, seed=seed)
        # Not as grey levels: a step changes pictures by far less than one.
        first, second = (in_blocks(model, sampler.decode, latents) for latents in ends)
        found.append(distance(first, second).double() / epsilon**2)
    return torch.cat(found).numpy()


def mean_without_outliers(lengths: np.ndarray) -> float:
    """The mean of those lengths (N,) that are not below the 1st or above the 99th percentile."""
    low = np.percentile(lengths, OUTLIERS[0], method="lower")
    high = np.percentile(lengths, OUTLIERS[1], method="higher")
    return float(lengths[(lengths >= low) & (lengths <= high)].mean())


def distance_named(name: str, device: torch.device) -> Distance:
    """LPIPS by one of its trunks; or, without a download, `random` or `pixels`.

    `random`: the squared distance of features of the random network. `pixels`: the mean squared difference in [-1, 1].
    Lengths by different distances do not compare.
    """
    if name in PUBLISHED:
        return partial(lpips_of, open_perceptual(name).to(device))
    if name == "random":
        return partial(_random_distance, open_random().network.to(device))
    if name == "pixels":
        return lambda first, second: (first - second).square().mean((1, 2, 3))
    known = [*PUBLISHED, "random", "pixels"]
    raise ConfigError(f"There is no distance {name!r}: expected {', '.join(known)}.{nearest_name(name, known)}")


def _random_distance(network: nn.Module, first: Tensor, second: Tensor) -> Tensor:
    device = next(network.parameters()).device
    if first.shape[1] not in (1, 3):
        raise DataError(f"The random network sees grey or RGB pictures, not pictures of {first.shape[1]} channels.")

    def features(images: Tensor) -> Tensor:
        # In floats all the way: its own preparation rounds to grey levels, and a step is far less than one.
        sized = functional.interpolate(images.to(device), (SIDE, SIDE), mode="bilinear", antialias=True)
        found: Features = network(sized.expand(-1, 3, -1, -1))
        return found.pooled.double()

    with torch.inference_mode():
        return (features(first) - features(second)).square().sum(1).cpu()


def _compute(sample: Sample, reference: Sample | None, setting: Setting) -> dict[str, Value]:
    assert sample.model is not None
    options = setting.options
    epsilon, endpoints = float(options["epsilon"]), options["endpoints"]
    if not 0 < epsilon <= 0.1 or endpoints not in ("uniform", "start"):
        raise ConfigError(
            f"epsilon={epsilon:g}, endpoints={endpoints}: expected a step above 0 and at most 0.1, and `uniform` or "
            "`start`."
        )
    lengths = path_lengths(
        sample.model,
        distance_named(str(options["distance"]), sample.model.device),
        count=int(options["ways"]),
        epsilon=epsilon,
        endpoints=endpoints,
        seed=setting.seed,
    )
    if not np.isfinite(lengths).all():
        raise DataError(f"{sample.source} decodes to pictures with values that are no finite numbers.")
    return {"path_length": bootstrap(lengths, mean_without_outliers, seed=setting.seed, what="ways")}


METRIC = Metric(
    name="path_length",
    outputs=(Output("path_length", "perceptual path length", "lower"),),
    needs=frozenset({"model"}),
    compute=_compute,
    source="Karras et al. 2019, arXiv:1812.04948, section 4.1",
    least=1,
    options={"ways": 2_000, "epsilon": 1e-4, "endpoints": "uniform", "distance": "vgg"},
)
