"""The public verbs: sample, encode, decode, reconstruct, score, classify.

Each takes a run, its path, a weights file or a loaded model. Images are uint8 (N, C, H, W), latents float32 (N, ...).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import (
    AddsNoise,
    Classifies,
    Decodes,
    Encodes,
    Reconstructs,
    Samples,
    SamplesInTurn,
    Scores,
    require,
    samples_attributes,
    samples_classes,
)
from imagewright.errors import RunError, UserError
from imagewright.images import Images, open_images
from imagewright.images.single import as_source
from imagewright.layers.small_maps import SmallMapsAsProducts
from imagewright.machine import memory_of_rank, shared_memory_words
from imagewright.model import Model
from imagewright.pixels import to_float, to_uint8
from imagewright.runs.loading import load
from imagewright.runs.run import Run
from imagewright.seeds import derive_seeds
from imagewright.verbs.blocks import (
    block_generator,
    block_size,
    evaluating,
    in_blocks,
    in_numbered_blocks,
    stream_blocks,
)
from imagewright.verbs.conditions import attribute_row, class_number
from imagewright.views import view_model

RunLike = Run | Model | str | Path
ImagesLike: TypeAlias = Images | Tensor | np.ndarray | Image.Image | str | Path | Sequence[Any]
BLOCKS_READ = 64  # blocks of images that are read at once


def resolve_model(run: RunLike) -> Model:
    """The model of a run: loaded, unless a model was given."""
    return run if isinstance(run, Model) else load(run)


def sample_latents(
    run: RunLike,
    count: int,
    seed: int = 0,
    label: int | str | None = None,
    attributes: Mapping[str, float] | None = None,
    sample_from: str | None = None,
) -> Tensor:
    """`count` latents of new images, (count, ...). Latent k of a seed is the same for any count.

    label: the class to sample, by name or number, if the model is conditioned on classes.
    attributes: values from 0 to 1 of some attributes, if the model is conditioned on attributes; the others vary as
        in its training images.
    sample_from: "prior", or "fitted": the density fitted to the latents of the training images, which is the default
        where there is one (vae, vae_gan).

    Raises `UserError` for a model that does not sample, or is not conditioned on what was given.
    """
    if count < 1:
        raise UserError(f"count={count}, but there must be at least one picture to sample.")
    model = view_model(resolve_model(run), sample_from=sample_from)
    return sample_numbered_latents(model, range(count), seed, label, attributes)


def sample_numbered_latents(
    run: RunLike,
    numbers: Iterable[int],
    seed: int = 0,
    label: int | str | None = None,
    attributes: Mapping[str, float] | None = None,
) -> Tensor:
    """Latents of a seed by their numbers, (n, ...): latent k is row k of `sample_latents`."""
    model = resolve_model(run)
    sampler = require(model, Samples)
    given: dict[str, Tensor] = {}
    if attributes is not None:
        if not samples_attributes(model):
            raise UserError(
                f"{catalogue.name_of(model)} is not conditioned on attributes, so it samples no pictures with given "
                "ones. Sample without them, or train cgan on pictures with a table of attributes."
            )
        given["attributes"] = attribute_row(model.attribute_names, attributes)
    elif label is not None:
        if not samples_classes(model):
            raise UserError(
                f"{catalogue.name_of(model)} is not conditioned on classes, so it samples no pictures of a given one. "
                "Sample without a label, or train a conditional model: cgan, or vae with --condition labels."
            )
        given["labels"] = torch.tensor([class_number(model.class_names, label)])
    generators = _numbered_generators(seed, numbers)
    if isinstance(sampler, SamplesInTurn):
        return sampler.sample_in_turn(generators, **given)
    return torch.cat([sampler.sample_latents(1, each, **given) for each in generators])


def _numbered_generators(seed: int, numbers: Iterable[int]) -> Iterator[torch.Generator]:
    """One generator, seeded anew for each number: to make one takes longer than to seed it."""
    return map(torch.Generator().manual_seed, derive_seeds(seed, "sample", numbers=numbers))


def sample(
    run: RunLike,
    count: int = 16,
    *,
    seed: int = 0,
    label: int | str | None = None,
    attributes: Mapping[str, float] | None = None,
    sample_from: str | None = None,
) -> Tensor:
    """`count` new images, uint8 (count, C, H, W). Image k of a seed is the same for any count and device.

    label: the class to sample, by name or number.
    attributes: values from 0 to 1 of some attributes, such as {"Smiling": 1, "Male": 0}.
    sample_from: "prior" or "fitted", as for `sample_latents`.

    Raises `UserError` if the model is not conditioned on what was given.
    """
    model = resolve_model(run)
    _check_memory(model, count)
    return decode(model, sample_latents(model, count, seed, label, attributes, sample_from))


def _check_memory(model: Model, count: int) -> None:
    """Raise `UserError` if `count` images and their latents are more than the memory of this machine."""
    latent = math.prod(model.latent_shape) if isinstance(model, Decodes) else 0
    here = torch.device("cpu")
    needed, available = count * (math.prod(model.config.image_shape) + 4 * latent), memory_of_rank(here)
    if needed > available:
        raise UserError(
            f"count={count:,}: so many pictures and their latents take {needed / 2**30:,.0f} GiB, and there are "
            f"{available / 2**30:,.0f} GiB{shared_memory_words(here)}. Sample fewer at a time, each part with a "
            "seed of its own."
        )


def decode(run: RunLike, latents: Tensor | np.ndarray) -> Tensor:
    """Images of latents (N, *latent_shape), uint8 (N, C, H, W). Raises `UserError` for latents of another shape."""
    model = resolve_model(run)
    decoder = require(model, Decodes)
    return in_blocks(model, lambda block: _to_pixels(decoder.decode(block)), _checked_latents(model, latents))


def decode_quickly(model: Model, latents: Tensor) -> Tensor:
    """As `decode`, in one batch as it is: quickest for one picture, and up to a grey level from `decode`."""
    decoder = require(model, Decodes)
    checked = _checked_latents(model, latents)
    with evaluating(model), torch.inference_mode(), SmallMapsAsProducts():
        return _to_pixels(decoder.decode(checked.to(model.device))).cpu()


def decode_blocks(run: RunLike, latents: Tensor | np.ndarray) -> Iterator[Tensor]:
    """The images of `decode`, a block uint8 (n, C, H, W) at a time, for results that are too large to hold at once."""
    model = resolve_model(run)
    decoder = require(model, Decodes)
    return stream_blocks(model, lambda block, _: _to_pixels(decoder.decode(block)), _checked_latents(model, latents))


def _to_pixels(images: Tensor) -> Tensor:
    """Images as uint8. Raises `RunError` for NaN, which would be black, and infinity."""
    if not torch.isfinite(images).all():
        raise RunError(
            "The model makes pictures of values that are not finite numbers: its weights are damaged. Use an earlier "
            "checkpoint (--at), or train it again."
        )
    return to_uint8(images)


def _checked_latents(model: Model, latents: Tensor | np.ndarray) -> Tensor:
    """Latents as float32 on the CPU, if the model decodes their shape and they are finite; else raises `UserError`."""
    expected = tuple(require(model, Decodes).latent_shape)
    try:
        latents = torch.as_tensor(latents).detach().to("cpu", torch.float32)
    except (TypeError, ValueError, RuntimeError):
        raise UserError(
            f"Latents are an array or tensor of numbers, (N, {', '.join(map(str, expected))}) for "
            f"{catalogue.name_of(model)}, not {type(latents).__name__}: load a file of them first."
        ) from None
    if tuple(latents.shape[1:]) != expected:
        raise UserError(
            f"Latents of shape {tuple(latents.shape)}, but {catalogue.name_of(model)} decodes "
            f"(N, {', '.join(map(str, expected))}): were they made by another run?"
        )
    if not torch.isfinite(latents).all():
        raise UserError("The latents hold values that are not finite numbers.")
    return latents


def encode(run: RunLike, images: ImagesLike) -> Tensor:
    """Latents of images, float32 (N, ...) on the CPU. Images of another size are resized, as by `open_images`."""
    model = resolve_model(run)
    encoder = require(model, Encodes)
    return _over_images(model, images, lambda block, _: encoder.encode(to_float(block)))


def reconstruct(run: RunLike, images: ImagesLike, *, add_noise: bool = False, seed: int = 0) -> Tensor:
    """Each image encoded and decoded again, uint8 (N, C, H, W). A denoising autoencoder removes the images' noise.

    add_noise: add the noise of the model's training to the images first, to see how it is removed from clean ones.
    seed: of that noise.

    Raises `UserError` for `add_noise` and a model that was trained without noise.
    """
    model = resolve_model(run)
    coder = require(model, Reconstructs)
    if add_noise:
        images = _add_noise(model, images, seed)
    return _over_images(model, images, lambda block, _: to_uint8(coder.decode(coder.encode(to_float(block)))))


def training_noise(run: RunLike) -> str | None:
    """The noise that a model was trained to remove, such as "gaussian:0.3"; None if there is none."""
    model = resolve_model(run)
    noise = str(getattr(model.config, "noise", "none"))
    return noise if isinstance(model, AddsNoise) and noise != "none" else None


def add_noise(run: RunLike, images: ImagesLike, *, seed: int = 0) -> Tensor | None:
    """Images with the noise of the model's training added, uint8; None if it was trained without noise."""
    model = resolve_model(run)
    return None if training_noise(model) is None else _add_noise(model, images, seed)


def _add_noise(model: Model, images: ImagesLike, seed: int) -> Tensor:
    """As `add_noise`. Raises `UserError` for a model that was trained without noise."""
    if training_noise(model) is None or not isinstance(model, AddsNoise):
        raise UserError(
            f"{catalogue.name_of(model)} was not trained to remove noise, so there is none to add: reconstruct without "
            "--add-noise, or train an autoencoder with --noise gaussian:0.3."
        )
    denoiser: AddsNoise = model

    def noisy(block: Tensor, number: int) -> Tensor:
        return to_uint8(denoiser.add_noise(to_float(block), block_generator(seed, number)))

    return _over_images(model, images, noisy)


def score(run: RunLike, images: ImagesLike, *, samples: int = 64, seed: int = 0) -> Tensor:
    """How well the model explains each image, float32 (N,), higher is better; `model.score_unit` is its unit.

    samples: importance samples an image, for models that estimate their likelihood (a VAE).
    """
    model = resolve_model(run)
    scorer = require(model, Scores)
    if samples < 1:
        raise UserError(f"samples={samples}, but a score needs at least one.")
    return _over_images(
        model, images, lambda block, number: scorer.score(to_float(block), block_generator(seed, number), samples)
    )


def classify(run: RunLike, images: ImagesLike) -> Tensor:
    """Log-probabilities of the classes for each image, float32 (N, K), in the order of `model.class_names`."""
    model = resolve_model(run)
    classifier = require(model, Classifies)
    return _over_images(model, images, lambda block, _: classifier.classify(to_float(block)))


def images_for(run: RunLike, images: ImagesLike) -> Images:
    """The images at the model's size and channels; an array may be one picture (`is_one_picture`)."""
    model = resolve_model(run)
    size, channels = model.config.size, model.config.channels
    if isinstance(images, Images):
        if images.size == size and images.channels == channels:
            return images
        return images.with_size(size, channels)
    return open_images(as_source(images, channels), size=size, channels=channels)


def _over_images(model: Model, images: ImagesLike, function: Callable[[Tensor, int], Tensor]) -> Tensor:
    """`function(block, number)` over any source of images, read in whole blocks that are numbered throughout."""
    opened = images_for(model, images)
    block = block_size(*model.config.size)
    results: list[Tensor] = []
    first = 0
    for batch in opened.batches(BLOCKS_READ * block):
        results.append(in_numbered_blocks(model, partial(_with_offset, function, first), batch.images))
        first += -(-len(batch.images) // block)
    return torch.cat(results)


def _with_offset(function: Callable[[Tensor, int], Tensor], offset: int, block: Tensor, number: int) -> Tensor:
    return function(block, offset + number)
