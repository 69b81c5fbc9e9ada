"""Perceptual path length: the change of a picture per small step of its latent, averaged over interpolation paths.

Karras, Laine & Aila 2019, arXiv:1812.04948, section 4.1, in the space of the model's prior (z). Along a path between
two sampled latents the picture should change evenly; where content appears, vanishes or jumps, the length is large.
Shape letters: N paths, n numbers of a latent.
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
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Sample, Value
from imagewright.metrics.pictures.lpips import lpips_distance
from imagewright.model import Model
from imagewright.pretrained.features.contract import Features
from imagewright.pretrained.features.random import SIDE, open_random
from imagewright.pretrained.perceptual import PUBLISHED, open_perceptual
from imagewright.seeds import derive_seed
from imagewright.verbs.apply import sample_numbered_latents
from imagewright.verbs.blocks import LARGEST_BLOCK, in_blocks
from imagewright.verbs.paths import default_interpolation, noise_places, slerp

PATHS_AT_ONCE = 4 * LARGEST_BLOCK
OUTLIERS = (1.0, 99.0)  # percentiles outside which lengths are discarded, as in the authors' program

Distance = Callable[[Tensor, Tensor], Tensor]
"""From two batches of pictures, float (N, C, H, W) in [-1, 1], to the distance of each pair, (N,)."""


def path_steps(
    model: Model, numbers: range, *, epsilon: float, endpoints: Literal["uniform", "start"], seed: int
) -> tuple[Tensor, Tensor]:
    """Latents at t and t + epsilon of several paths, float32 (N, *latent shape) each.

    Normal latents are interpolated along the great circle, others linearly. Class and attributes of a latent stay those
    of the path's start: pictures between two classes are not meaningful.

    model: samples latents.
    numbers: of the paths.
    epsilon: the step.
    endpoints: `uniform` for t uniform in [0, 1], `start` for t = 0.
    seed: of the latents and of t.
    """
    starts, ends = (sample_numbered_latents(model, numbers, derive_seed(seed, "path", end)) for end in ("start", "end"))
    shares = torch.zeros(len(numbers), dtype=torch.float64)
    if endpoints == "uniform":
        draws = [np.random.default_rng(derive_seed(seed, "path", number)).uniform() for number in numbers]
        shares = torch.tensor(draws, dtype=torch.float64)
    # In float64: the rounding of float32 is about a thousandth of a step.
    first, last = starts.flatten(1).double(), ends.flatten(1).double()
    parts = latent_parts_of(model)
    fixed = [torch.arange(part.start, part.stop) for part in parts if part.kind in ("category", "attributes")]
    if fixed:
        last[:, torch.cat(fixed)] = first[:, torch.cat(fixed)]
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
    """d(G(z(t)), G(z(t + epsilon))) / epsilon^2 of each path, float64 (count,).

    model: samples.
    distance: between pictures.
    count: paths; path k does not depend on the count.
    epsilon: the step.
    endpoints: as for `path_steps`.
    seed: of the paths.

    Raises `UserError` for a model that does not sample.
    """
    sampler = require(model, Samples)
    found = []
    for start in range(0, count, PATHS_AT_ONCE):
        numbers = range(start, min(start + PATHS_AT_ONCE, count))
        ends = path_steps(model, numbers, epsilon=epsilon, endpoints=endpoints, seed=seed)
        # Not rounded to grey levels: a step changes pictures by far less than one level.
        first, second = (in_blocks(model, sampler.decode, latents) for latents in ends)
        found.append(distance(first, second).double() / epsilon**2)
    return torch.cat(found).numpy()


def mean_without_outliers(lengths: np.ndarray) -> float:
    """The mean of the lengths (N,) between the 1st and the 99th percentile."""
    low = np.percentile(lengths, OUTLIERS[0], method="lower")
    high = np.percentile(lengths, OUTLIERS[1], method="higher")
    return float(lengths[(lengths >= low) & (lengths <= high)].mean())


def open_distance(name: str, device: torch.device) -> Distance:
    """A distance between pictures. Lengths of different distances are not comparable.

    name: `vgg`, `alex` or `squeeze` for LPIPS with that network; without a download `random`, the squared distance of
        features of the random network, or `pixels`, the mean squared difference in [-1, 1].
    device: for the network.

    Raises `ConfigError` for another name.
    """
    if name in PUBLISHED:
        return partial(lpips_distance, open_perceptual(name).to(device))
    if name == "random":
        return partial(_random_distance, open_random().network.to(device))
    if name == "pixels":
        return lambda first, second: (first - second).square().mean((1, 2, 3))
    known = [*PUBLISHED, "random", "pixels"]
    raise ConfigError(f"There is no distance {name!r}: expected {', '.join(known)}.{nearest_name(name, known)}")


def _random_distance(network: nn.Module, first: Tensor, second: Tensor) -> Tensor:
    device = next(network.parameters()).device
    if first.shape[1] not in (1, 3):
        raise DataError(f"The random network takes grey or RGB pictures, not pictures of {first.shape[1]} channels.")

    def features(images: Tensor) -> Tensor:
        # In floats throughout: its own preprocessing rounds to grey levels, and a step is far less than one level.
        sized = functional.interpolate(images.to(device), (SIDE, SIDE), mode="bilinear", antialias=True)
        found: Features = network(sized.expand(-1, 3, -1, -1))
        return found.pooled.double()

    with torch.inference_mode():
        return (features(first) - features(second)).square().sum(1).cpu()


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    assert sample.model is not None
    options = context.options
    epsilon, endpoints = float(options["epsilon"]), options["endpoints"]
    if not 0 < epsilon <= 0.1 or endpoints not in ("uniform", "start"):
        raise ConfigError(
            f"epsilon={epsilon:g}, endpoints={endpoints}: a step above 0 and at most 0.1, and `uniform` or "
            "`start`, were expected."
        )
    lengths = path_lengths(
        sample.model,
        open_distance(str(options["distance"]), sample.model.device),
        count=int(options["paths"]),
        epsilon=epsilon,
        endpoints=endpoints,
        seed=context.seed,
    )
    if not np.isfinite(lengths).all():
        raise DataError(f"{sample.source} decodes to pictures with values that are not finite numbers.")
    return {"path_length": bootstrap(lengths, mean_without_outliers, seed=context.seed, what="paths")}


METRIC = Metric(
    name="path_length",
    outputs=(MetricOutput("path_length", "perceptual path length", "lower"),),
    needs=frozenset({"model"}),
    compute=_compute,
    source="Karras et al. 2019, arXiv:1812.04948, section 4.1",
    summary="smoothness of the latent space: change of pictures per small step",
    least=1,
    options={"paths": 2_000, "epsilon": 1e-4, "endpoints": "uniform", "distance": "vgg"},
)
