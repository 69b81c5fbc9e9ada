"""The cases that `gpu.py` measures: our way of doing something, and the plain way with the same networks.

A system adds its cases by `add_training` with its name, or by `CASES.append(Case(...))` for anything else. Those
that are wanted most come first: the time on a GPU may end before the list does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import r3gan_steps
import textbook
import torch
from feature_extraction import open_filled_inception
from torch import Tensor
from training_steps import build_model, build_steps, synchronise

import imagewright as iw
from imagewright import catalogue, configs
from imagewright.metrics.features.extraction import extract_features
from imagewright.metrics.frechet.distance import frechet_distance
from imagewright.metrics.frechet.moments import Moments
from imagewright.metrics.subjects import OpenedPictures
from imagewright.pretrained.features.contract import FeatureNetwork
from imagewright.pretrained.features.random import open_random

Round = Callable[[], int]
"""Works until the device is done, and returns how many images, or whatever the unit is, that were."""


class NotAvailableError(Exception):
    """A case that this device cannot do."""


@dataclass(frozen=True)
class Place:
    """Where cases run: the device, whether everything is as small as possible, and a folder for files."""

    device: torch.device
    tiny: bool
    folder: Path


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the table.

    what: such as "dcgan 64 step"; cases of one name and precision share their textbook row
    ours, plain: what prepares a round at a place; `plain` is the textbook's way, None if there is none
    precision: "fp32" or "bf16"
    mode: "eager", "compiled" or "captured"
    unit: what a round counts, per second
    least_seconds: how long it takes at least on a GPU; with less time left it is passed over
    """

    what: str
    ours: Callable[[Place], Round]
    plain: Callable[[Place], Round] | None = None
    precision: str = "fp32"
    mode: str = "eager"
    unit: str = "images/s"
    least_seconds: float = 10


CASES: list[Case] = []


# Training steps

FULL_BATCH, TINY_BATCH = 64, 4
FULL_STEPS, TINY_STEPS = 20, 1  # in a round
EAGER = (("fp32", "eager"), ("bf16", "eager"))
CAPTURED = (("bf16", "captured"), ("fp32", "captured"))
COMPILED = (("bf16", "compiled"), ("fp32", "compiled"))  # a minute of compilation each on a GPU


def add_training(
    model: str,
    plain: Callable[..., textbook.Step] | None = None,
    *,
    side: int = 64,
    modes: Iterable[tuple[str, str]] = (*EAGER, *CAPTURED),
    **options: Any,
) -> None:
    """Add the training step of a model, a case a mode.

    model: its name in the catalogue
    plain: builds the textbook's step from (model, images, device, precision)
    side: pixels of the pictures; tiny, 16
    modes: of precision and "eager", "compiled" or "captured"
    options: of the model
    """
    for precision, mode in modes:
        case = Case(
            what=f"{model} {side} step",
            ours=lambda place, precision=precision, mode=mode: our_steps(place, model, side, precision, mode, options),
            precision=precision,
            mode=mode,
            least_seconds=60 if mode == "compiled" else 10,
        )
        if plain is not None:
            case = dataclasses.replace(
                case,
                plain=lambda place, precision=precision: plain_steps(place, model, plain, side, precision, options),
            )
        CASES.append(case)


def our_steps(place: Place, model: str, side: int, precision: str, mode: str, options: dict[str, Any]) -> Round:
    """A round of the engine's steps."""
    training: dict[str, Any] = {"precision": precision}
    compiler = None
    if mode == "captured":
        if place.device.type != "cuda":
            raise NotAvailableError("capturing needs a CUDA GPU")
        training["capture"] = True
    elif mode == "compiled":
        compiler = "eager" if place.tiny else "inductor"  # tiny: networks are traced, and no kernels are built
    images = pictures(place, side)
    steps = build_steps(built(place, model, side, options), images, place.device, compiler=compiler, **training)

    def work() -> int:
        steps(steps_of(place))
        return steps_of(place) * len(images)

    return work


def plain_steps(
    place: Place,
    model: str,
    plain: Callable[..., textbook.Step],
    side: int,
    precision: str,
    options: dict[str, Any],
) -> Round:
    """A round of the textbook's steps."""
    images = pictures(place, side)
    step = plain(built(place, model, side, options), images, place.device, precision)

    def work() -> int:
        for _ in range(steps_of(place)):
            step()
        synchronise(place.device)
        return steps_of(place) * len(images)

    return work


def built(place: Place, model: str, side: int, options: dict[str, Any]) -> Any:
    """The untrained model; tiny, 16 pixels and few channels."""
    config = catalogue.model_class(model).Config
    tiny = {"width": 8} if "width" in configs.options_of(config) else config.tiny_options
    return build_model(model, 16 if place.tiny else side, **(options | (tiny if place.tiny else {})))


def pictures(place: Place, side: int) -> Tensor:
    """One batch, uint8 (N, 3, side, side), of noise, the same each time."""
    size = 16 if place.tiny else side
    shape = TINY_BATCH if place.tiny else FULL_BATCH, 3, size, size
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def steps_of(place: Place) -> int:
    return TINY_STEPS if place.tiny else FULL_STEPS


add_training("dcgan", textbook.dcgan_step)
add_training("vae", textbook.vae_step)
add_training("r3gan", r3gan_steps.r3gan_step, side=32)
add_training("vae_gan", textbook.vae_gan_step)
add_training("dcgan", textbook.dcgan_step, modes=COMPILED[:1])


# Sampling


def our_samples(place: Place) -> Round:
    """`iw.sample` of a DCGAN, from seeds to uint8 pictures on the CPU."""
    model, count = built(place, "dcgan", 64, {}).to(place.device).eval(), 16 if place.tiny else 2048
    return lambda: len(iw.sample(model, count))


def plain_samples(place: Place) -> Round:
    """The generator on batches of normal numbers."""
    model, count = built(place, "dcgan", 64, {}).to(place.device).eval(), 16 if place.tiny else 2048

    def work() -> int:
        made = []
        with torch.no_grad():
            for size in torch.ones(count).split(FULL_BATCH):
                fake = model.generator(torch.randn(len(size), model.config.latent_dim, device=place.device))
                made.append(((fake + 1) * 127.5).to(torch.uint8).cpu())
        return len(torch.cat(made))

    return work


CASES.append(Case(what="dcgan 64 samples", ours=our_samples, plain=plain_samples))


# Features


def add_features(name: str, build: Callable[[Place], FeatureNetwork]) -> None:
    """Add the extraction of features by a network."""
    CASES.append(
        Case(
            what=f"features {name}",
            ours=lambda place: our_features(place, build(place)),
            plain=lambda place: plain_features(place, build(place)),
        )
    )


def our_features(place: Place, network: Any) -> Round:
    """As `evaluate` extracts them, from pictures in memory."""
    network.to(place.device)
    opened = OpenedPictures(iw.open_images(many_pictures(place)))
    return lambda: len(extract_features(opened, network, all_on_this_rank=True).features)


def plain_features(place: Place, network: Any) -> Round:
    """One batch after the other: prepared, then through the network."""
    network.to(place.device)
    images = torch.from_numpy(many_pictures(place))

    def work() -> int:
        found = []
        with torch.no_grad():
            for batch in images.split(FULL_BATCH):
                found.append(network.network(network.prepare(batch).to(place.device)).pooled.cpu())
        return len(torch.cat(found))

    return work


def many_pictures(place: Place) -> np.ndarray:
    """uint8 (N, 3, 64, 64) of noise."""
    return np.random.default_rng(0).integers(0, 256, (4 if place.tiny else 2048, 3, 64, 64), np.uint8)


add_features("random", lambda place: open_random())
add_features("inception", lambda place: open_filled_inception(place.folder))


# Metrics


def our_frechet(place: Place) -> Round:
    """`frechet_distance` of two sets of features, by their moments."""
    one, other = feature_moments(place)

    def work() -> int:
        reference = Moments(other.count, other.mean, other.scatter)  # without the factor of an earlier round
        frechet_distance(one, reference)
        return 1

    return work


def plain_frechet(place: Place) -> Round:
    """By the eigenvalues of the symmetric product, in float64 on the device."""
    one, other = feature_moments(place)

    def work() -> int:
        first, second = (torch.from_numpy(each.covariance).to(place.device) for each in (one, other))
        values, vectors = torch.linalg.eigh(first)
        half = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
        root = torch.linalg.eigvalsh(half @ second @ half).clamp(min=0).sqrt().sum()
        means = ((one.mean - other.mean) ** 2).sum()
        float(means + first.trace() + second.trace() - 2 * root)
        return 1

    return work


def feature_moments(place: Place) -> tuple[Moments, Moments]:
    """Moments of two sets of 2,048 features whose variances fall off as those of trained networks do."""
    width, count = (32, 100) if place.tiny else (2048, 6000)
    random, deviations = np.random.default_rng(0), np.arange(1.0, width + 1) ** -0.5
    one, other = (random.standard_normal((count, width)) * deviations for _ in range(2))
    return Moments.from_features(one.astype(np.float32)), Moments.from_features(other.astype(np.float32))


CASES.append(Case(what="Frechet distance, 2,048 features", ours=our_frechet, plain=plain_frechet, unit="a second"))


# Less wanted, or slow to begin

add_training("cgan")
add_training("infogan")
add_training("biggan", side=128, modes=EAGER)
add_training("biggan_deep", side=128, modes=EAGER)
add_training("cut", side=128)
add_training("cyclegan", side=128, blocks=9)
add_training("pix2pix", side=256, modes=EAGER)  # dropout is not captured
add_training("vae", textbook.vae_step, modes=COMPILED[:1])
add_training("vae_gan", textbook.vae_gan_step, modes=COMPILED[:1])
add_training("dcgan", textbook.dcgan_step, modes=COMPILED[1:])
add_training("drit", modes=EAGER)
add_training("stargan", modes=EAGER)
add_training("stargan_v2", modes=EAGER)
for translator in ("munit", "unit", "funit"):
    add_training(translator, modes=EAGER)
add_training("swap", side=128, preset="small", modes=EAGER)
add_training("stylegan2")
add_training("stylegan3")
add_training("pix2pixhd", side=256, modes=EAGER, perceptual="none")
for growing in ("progan", "stylegan"):  # whole from the start
    add_training(growing, side=128, grow_from=128)
