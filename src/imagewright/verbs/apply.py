"""The public verbs: sample, encode, decode, reconstruct, score.

Each takes a run, its path, a weights file or a loaded model. Images are uint8 (N, C, H, W), latents float32 (N, ...).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import AddsNoise, require, samples_attributes, samples_classes
from imagewright.errors import UserError, nearest_name
from imagewright.images import Images, open_images
from imagewright.model import Model
from imagewright.pixels import to_float, to_uint8
from imagewright.runs.loading import load
from imagewright.runs.run import Run
from imagewright.seeds import derive_seed
from imagewright.verbs.blocks import BLOCK, generator_of, in_blocks, in_numbered_blocks

RunLike = Run | Model | str | Path
ImagesLike = Images | Tensor | np.ndarray | str | Path
NAMED_AT_MOST = 12  # classes, in a message


def model_of(run: RunLike) -> Model:
    """The model itself: loaded unless it is one already."""
    return run if isinstance(run, Model) else load(run)


def latents_of(
    run: RunLike,
    count: int,
    seed: int = 0,
    label: int | str | None = None,
    attributes: Mapping[str, float] | None = None,
) -> Tensor:
    """`count` latents from the model's prior, (count, ...). Latent k of a seed is the same whatever the count.

    `label`: the class to draw from, by name or number, for a model that knows classes. `attributes`: values from 0 to 1
    of some, for a model that knows attributes; the others come as they do in its images.
    """
    if count < 1:
        raise UserError(f"count={count}, but there must be at least one picture to sample.")
    return latents_numbered(run, range(count), seed, label, attributes)


def latents_numbered(
    run: RunLike,
    numbers: Iterable[int],
    seed: int = 0,
    label: int | str | None = None,
    attributes: Mapping[str, float] | None = None,
) -> Tensor:
    """The latents of these numbers among all of a seed, (n, ...): `latents_of` gives the first ones."""
    model = model_of(run)
    _require(model, "sample")
    generators = (torch.Generator().manual_seed(derive_seed(seed, "sample", number)) for number in numbers)
    if attributes is not None:
        wanted = _attribute_values(model, attributes)
        return torch.cat([model.sample_latents(1, each, attributes=wanted) for each in generators])  # type: ignore[operator]
    if label is None:
        return torch.cat([model.sample_latents(1, each) for each in generators])  # type: ignore[operator]
    if not samples_classes(model):
        raise UserError(
            f"{catalogue.name_of(model)} draws no pictures of a given class: it was not told of classes. "
            "Sample without a label, or train one that is told: cgan, or vae with condition=labels."
        )
    wanted = torch.tensor([class_number(model.class_names, label)])
    return torch.cat([model.sample_latents(1, each, labels=wanted) for each in generators])


def sample(
    run: RunLike,
    count: int = 16,
    *,
    seed: int = 0,
    label: int | str | None = None,
    attributes: Mapping[str, float] | None = None,
) -> Tensor:
    """`count` new images, uint8 (count, C, H, W). Image k of a seed is the same whatever the count or the device.

    `label`: of this class, by name or number. `attributes`: with these, such as {"Smiling": 1, "Male": 0}. Raises
    `UserError` for what the model was not told of.
    """
    model = model_of(run)
    return decode(model, latents_of(model, count, seed, label, attributes))


def _attribute_values(model: Model, attributes: Mapping[str, float]) -> Tensor:
    """(1, A): the values asked for, NaN for the others."""
    if not samples_attributes(model):
        raise UserError(
            f"{catalogue.name_of(model)} draws no pictures with given attributes: it was not told of any. Sample "
            "without them, or train cgan on pictures with a table of attributes."
        )
    names = model.attribute_names
    values = torch.full((1, len(names)), torch.nan)
    for name, value in attributes.items():
        if name not in names:
            raise UserError(
                f"There is no attribute {name!r}.{nearest_name(name, names)} The {len(names)}: {', '.join(names)}."
            )
        if not 0 <= value <= 1:
            raise UserError(f"The attribute {name} is a number from 0 (without) to 1 (with), not {value:g}.")
        values[0, names.index(name)] = value
    return values


def class_number(class_names: Sequence[str], label: int | str) -> int:
    """The number of a class given by its name, or by its number; `UserError` with the nearest name for another.

    A name comes before a number: of classes called "5" and "3", `label="3"` is the second.
    """
    if str(label) in class_names:
        return list(class_names).index(str(label))
    if str(label).isdecimal() and int(label) < len(class_names):
        return int(label)
    named = ", ".join(class_names[:NAMED_AT_MOST]) + (" ..." if len(class_names) > NAMED_AT_MOST else "")
    raise UserError(
        f"There is no class {label!r}.{nearest_name(str(label), class_names)} "
        f"The {len(class_names)} classes: {named}, or their numbers from 0 to {len(class_names) - 1}."
    )


def decode(run: RunLike, latents: Tensor | np.ndarray) -> Tensor:
    """Images of latents (N, *latent_shape), uint8 (N, C, H, W). Raises `UserError` for latents of another shape."""
    model = model_of(run)
    _require(model, "decode")
    expected: tuple[int, ...] = model.latent_shape  # type: ignore[assignment]
    try:
        latents = torch.as_tensor(latents).detach().to("cpu", torch.float32)
    except (TypeError, ValueError, RuntimeError):
        raise UserError(
            f"Latents are an array or tensor of numbers, (N, {', '.join(map(str, expected))}) for "
            f"{catalogue.name_of(model)}, not {type(latents).__name__}: load a file of them first."
        ) from None
    if tuple(latents.shape[1:]) != tuple(expected):
        raise UserError(
            f"Latents of shape {tuple(latents.shape)}, but {catalogue.name_of(model)} decodes "
            f"(N, {', '.join(map(str, expected))}): were they made by another run?"
        )
    if not torch.isfinite(latents).all():
        raise UserError("The latents hold values that are not finite numbers.")
    return in_blocks(model, lambda block: to_uint8(model.decode(block)), latents)  # type: ignore[operator]


def encode(run: RunLike, images: ImagesLike) -> Tensor:
    """Latents of images, float32 (N, ...) on the CPU. Images of another size are resized, as `open_images` does."""
    model = model_of(run)
    _require(model, "encode")
    return _over(model, images, lambda block, _: model.encode(to_float(block)))  # type: ignore[operator]


def reconstruct(run: RunLike, images: ImagesLike) -> Tensor:
    """Each image through the model's latents and back, uint8 (N, C, H, W). A denoising autoencoder cleans it."""
    model = model_of(run)
    _require(model, "reconstruct")
    return _over(model, images, lambda block, _: to_uint8(model.decode(model.encode(to_float(block)))))  # type: ignore[operator]


def add_noise(run: RunLike, images: ImagesLike, *, seed: int = 0) -> Tensor | None:
    """Images damaged as the model was trained to undo, uint8; None where it was trained on clean pictures."""
    model = model_of(run)
    if not isinstance(model, AddsNoise) or getattr(model.config, "noise", "none") == "none":
        return None
    damaged = model.add_noise

    def damage(block: Tensor, number: int) -> Tensor:
        return to_uint8(damaged(to_float(block), generator_of(seed, number)))

    return _over(model, images, damage)


def score(run: RunLike, images: ImagesLike, *, samples: int = 64, seed: int = 0) -> Tensor:
    """How well the model explains each image, float32 (N,), higher is better; `model.score_unit` says what it is.

    `samples`: importance samples a picture, for models that estimate their likelihood (a VAE).
    """
    model = model_of(run)
    _require(model, "score")
    if samples < 1:
        raise UserError(f"samples={samples}, but a score needs at least one.")
    return _over(
        model,
        images,
        lambda block, n: model.score(to_float(block), generator_of(seed, n), samples),  # type: ignore[operator]
    )


def classify(run: RunLike, images: ImagesLike) -> Tensor:
    """Log-probabilities of the classes for each image, float32 (N, K), in the order of `model.class_names`."""
    model = model_of(run)
    _require(model, "classify")
    return _over(model, images, lambda block, _: model.classify(to_float(block)))  # type: ignore[operator]


def images_for(run: RunLike, images: ImagesLike) -> Images:
    """The images at the size and channels of the model."""
    model = model_of(run)
    size, channels = model.config.size, model.config.channels
    if isinstance(images, Images):
        if images.size == size and images.channels == channels:
            return images
        return images.with_size(size, channels)
    if isinstance(images, Tensor):
        images = images.numpy(force=True)
    return open_images(images, size=size, channels=channels)


def _over(model: Model, images: ImagesLike, function: Callable[[Tensor, int], Tensor]) -> Tensor:
    """Any source, streamed through the model in blocks."""
    opened = images_for(model, images)
    results: list[Tensor] = []
    first = 0
    for batch in opened.batches(64 * BLOCK):  # whole blocks, numbered through
        results.append(in_numbered_blocks(model, partial(_shifted, function, first), batch.images))
        first += -(-len(batch.images) // BLOCK)
    return torch.cat(results)


def _shifted(function: Callable[[Tensor, int], Tensor], offset: int, block: Tensor, number: int) -> Tensor:
    return function(block, offset + number)


def _require(model: Model, verb: str) -> None:
    require(model, verb, catalogue.name_of(model))
