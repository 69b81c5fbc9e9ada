"""Equivariance: whether pictures that are moved inside the network equal moved pictures.

Karras et al. 2021 (StyleGAN3), arXiv:2106.12423, appendix E, as their program computes it: the peak signal-to-noise
ratio between a picture that is moved by filters, and the picture of the same latent moved at the network's input, over
the pixels that both have. Translations are uniform to an eighth of the side in each direction, in whole pixels for EQ-T
and in fractions for EQ-T frac; angles are uniform. A picture is 2 in [-1, 1] from black to white.
"""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.errors import ConfigError, DataError
from imagewright.metrics.intervals import bootstrap
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Sample, Value
from imagewright.metrics.models.moved_pictures import filter_as_turned, shift, shift_whole, turn
from imagewright.model import Model
from imagewright.seeds import derive_seed
from imagewright.verbs.apply import sample_numbered_latents
from imagewright.verbs.blocks import LARGEST_BLOCK, in_blocks

FARTHEST = 0.125  # of the side, in each direction
PEAK = 2.0
KINDS = ("eq_t", "eq_t_frac", "eq_r")


@runtime_checkable
class DecodesMoved(Protocol):
    """Decodes latents to images that are moved inside the network."""

    def decode_moved(self, latents: Tensor, motions: Tensor) -> Tensor:
        """Latents (N, Z) to images (N, C, H, W), which are not clipped.

        motions: (N, 3, 3), from places in the image to places in the image that is not moved, in homogeneous
            coordinates: pixels from the centre, x to the right first, y downwards.
        """
        ...


def signal_to_noise(errors: np.ndarray) -> float:
    """The ratio in dB from rows (N, 2): a picture's sum of squared errors, and how many numbers it is over."""
    total, count = errors.sum(0)
    return float(10 * (2 * math.log10(PEAK) - math.log10(max(total / count, 1e-20))))


def measure_errors(model: Model, kind: str, count: int, seed: int = 0) -> np.ndarray:
    """Squared errors of moved pictures, float64 (count, 2), as `signal_to_noise` takes them.

    kind: eq_t, eq_t_frac or eq_r.
    count: pictures; picture k does not depend on the count.

    Raises `DataError` for a model that moves nothing inside, and for pictures too small to have valid pixels.
    """
    if not isinstance(model, DecodesMoved):
        raise DataError(
            f"equivariance moves pictures inside the network, and {catalogue.name_of(model)} cannot: stylegan3 can."
        )
    rows = []
    for start in range(0, count, LARGEST_BLOCK):
        numbers = range(start, min(start + LARGEST_BLOCK, count))
        latents = sample_numbered_latents(model, numbers, derive_seed(seed, "equivariance", "latents"))
        draws = [np.random.default_rng(derive_seed(seed, "equivariance", kind, each)) for each in numbers]
        moves = [_sample_move(kind, model.config.size, each) for each in draws]
        still = _decode(model, latents, torch.eye(3).expand(len(latents), 3, 3))
        moved = _decode(model, latents, torch.stack([_motion_of(kind, move) for move in moves]))
        rows += [_errors(kind, *pair) for pair in zip(still, moved, moves, strict=True)]
    return np.array(rows)


def _decode(model: Model, latents: Tensor, motions: Tensor) -> Tensor:
    """Images on the CPU, in blocks."""
    size = latents.shape[1]

    def decode(packed: Tensor) -> Tensor:
        assert isinstance(model, DecodesMoved)
        return model.decode_moved(packed[:, :size], packed[:, size:].view(-1, 3, 3))

    return in_blocks(model, decode, torch.cat([latents, motions.flatten(1)], 1)).float()


def _sample_move(kind: str, size: tuple[int, int], random: np.random.Generator) -> tuple[float, float]:
    """Pixels to the right and down; or an angle, and 0."""
    if kind == "eq_r":
        return float(random.uniform(0, 2 * math.pi)), 0.0
    right, down = (float(random.uniform(-FARTHEST, FARTHEST)) * side for side in size[::-1])
    return (float(round(right)), float(round(down))) if kind == "eq_t" else (right, down)


def _motion_of(kind: str, move: tuple[float, float]) -> Tensor:
    """(3, 3): the inverse of the move."""
    if kind == "eq_r":
        cosine, sine = math.cos(move[0]), math.sin(move[0])
        return torch.tensor([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    return torch.tensor([[1.0, 0.0, -move[0]], [0.0, 1.0, -move[1]], [0.0, 0.0, 1.0]])


def _errors(kind: str, still: Tensor, moved: Tensor, move: tuple[float, float]) -> tuple[float, float]:
    still, moved = still[None].double(), moved[None].double()
    if kind == "eq_r":
        expected, valid = turn(still, move[0])
        moved, also = filter_as_turned(moved, move[0])
        valid = valid & also
    elif kind == "eq_t":
        expected, valid = shift_whole(still, round(move[0]), round(move[1]))
    else:
        expected, valid = shift(still, *move)
    if not bool(valid.any()):
        raise DataError(f"Pictures of {tuple(still.shape[2:])} pixels are too small for {kind}: no pixel is valid.")
    return float(((expected - moved).square() * valid).sum()), float(valid.sum()) * still.shape[1]


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    assert sample.model is not None
    count = int(context.options["pictures"])
    if count < 1:
        raise ConfigError(f"pictures={count}, but 1 or more were expected.")
    found = {}
    for kind in KINDS:
        errors = measure_errors(sample.model, kind, count, context.seed)
        if not np.isfinite(errors).all():
            raise DataError(f"{sample.source} decodes to pictures with values that are not finite numbers.")
        found[kind] = bootstrap(errors, signal_to_noise, seed=context.seed, what="pictures")
    return found


METRIC = Metric(
    name="equivariance",
    outputs=(
        MetricOutput("eq_t", "EQ-T, dB", "higher"),
        MetricOutput("eq_t_frac", "EQ-T of fractions of pixels, dB", "higher"),
        MetricOutput("eq_r", "EQ-R, dB", "higher"),
    ),
    needs=frozenset({"model"}),
    compute=_compute,
    source="Karras et al. 2021, arXiv:2106.12423, appendix E",
    summary="whether details move and turn with the picture",
    least=1,
    options={"pictures": 1_000},
)
