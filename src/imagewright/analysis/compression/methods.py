"""The ways of compressing that can be compared: found by their names or runs, and made ready to code pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imagewright import catalogue, configs
from imagewright.analysis.compression.coders import BlockCoder, Coder, InMemory, JPEGCoder, LatentCoder, cut_to_blocks
from imagewright.capabilities import Reconstructs, require
from imagewright.errors import ConfigError, DataError, UserError, nearest_name
from imagewright.images import Images
from imagewright.images.float_stream import FloatStream
from imagewright.model import Model
from imagewright.runs.loading import load
from imagewright.runs.run import RECORD, Run

JPEG, BLOCKS = "jpeg", "pca-blocks"
MOST_TRAINING = 2000  # pictures that distributions of latents are fitted to; PCA itself sees all
MOST_BLOCKS = 50_000


def looked_up(method: str | Path | Model) -> tuple[str, str | Model]:
    """A method's label, and its name in the catalogue or its model. A run goes before a name."""
    if isinstance(method, Model):
        require(method, Reconstructs)
        return catalogue.name_of(method), method
    name, path, known = str(method), Path(method), [JPEG, BLOCKS, *catalogue.entries()]
    if path.is_file() or (path / RECORD).is_file() or (path.exists() and name not in known):
        model = load(method)
        require(model, Reconstructs, name)
        return path.resolve().name, model
    if name not in known:
        raise UserError(
            f"There is no method or run {name!r}.{nearest_name(name, known)} Compare {JPEG}, pca, {BLOCKS}, or the "
            "path of a run."
        )
    if name not in (JPEG, BLOCKS):
        model_class = catalogue.model_class(name)
        require(model_class, Reconstructs)
        if not model_class.is_closed_form() or issubclass(model_class.Config, configs.LabelledConfig):
            raise UserError(
                f"{name} is not fitted on the spot: train it first (`imagewright train {name} SOURCE`), and name "
                "its run."
            )
    return name, name


def at_one_size(images: Images, models: Sequence[Model], notes: list[str]) -> Images:
    """The images at the size and channels of the runs, which must agree, and without transparency."""
    shapes = {model.config.image_shape for model in models}
    if len(shapes) > 1:
        said = " and ".join(f"{height}x{width}x{channels}" for channels, height, width in sorted(shapes))
        raise UserError(f"The runs were trained at unlike sizes, {said}: compare runs of one size.")
    channels, height, width = next(iter(shapes), (images.channels, *images.size))
    if images.size_given and (height, width) != images.size:
        raise ConfigError(
            f"size={images.height}x{images.width}, but the run was trained at {height}x{width}: leave the size out."
        )
    if (height, width) != images.size:
        notes.append(f"The pictures are brought to {height}x{width}, the size of the run.")
    if channels == 4:
        if shapes:
            raise UserError("The run was trained on transparent pictures, which JPEG files cannot hold.")
        channels = 3
        notes.append("Transparent pictures are laid on white.")
    if (channels, height, width) == (images.channels, *images.size):
        return images
    return images.with_size((height, width), channels)


def coder_of(
    label: str,
    model: str | Model,
    training: Images | None,
    size: tuple[int, int],
    components: int,
    qualities: Sequence[int],
    subsampling: str,
) -> Coder:
    """A method ready to code pictures: fitted on the training part where it is fitted at all."""
    if model == JPEG:
        return JPEGCoder(qualities, subsampling, label)
    if isinstance(model, Model) and catalogue.name_of(model) == JPEG:
        options: Any = model.config
        return JPEGCoder([options.quality], options.subsampling, label)
    if training is None:
        raise DataError(
            f"{label} is fitted on pictures besides those it is judged on, and there is one picture only: compare "
            "jpeg alone, which is fitted on none."
        )
    some = np.linspace(0, len(training) - 1, min(MOST_TRAINING, len(training))).round().astype(np.int64)
    pictures = training.batch(some).images
    if model == BLOCKS:
        blocks = cut_to_blocks(pictures[: max(1, MOST_BLOCKS * 64 // math.prod(size))], BlockCoder.SIDE)
        shape = (blocks.shape[1], BlockCoder.SIDE, BlockCoder.SIDE)
        fitted = _fitted("pca", InMemory(blocks), shape, math.prod(shape))  # few enough to keep them all
        return BlockCoder(label, LatentCoder(label, fitted, blocks), size)
    if isinstance(model, str):
        model = _fitted(model, FloatStream(training), (training.channels, *size), components)
    return LatentCoder(label, model, pictures)


def _fitted(name: str, stream: Any, shape: tuple[int, int, int], components: int) -> Model:
    """A closed-form model of the catalogue, fitted, with as many components as there can be up to `components`."""
    model_class = catalogue.model_class(name)
    options: dict[str, Any] = {"size": shape[1:], "channels": shape[0]}
    if "components" in configs.options_of(model_class.Config):
        options["components"] = max(1, min(components, len(stream) - 1, math.prod(shape)))
    model = model_class(configs.build(model_class.Config, options, name))
    with torch.inference_mode():
        model.fit(stream)
    return model.eval()


def unlike(label: str, taken: Sequence[str]) -> str:
    """The label, with a number where it is taken already."""
    number, unlike = 1, label
    while unlike in taken:
        number += 1
        unlike = f"{label} {number}"
    return unlike


def note_seen_pictures(
    methods: Sequence[str | Path | Model], coders: Sequence[Coder], images: Images, notes: list[str]
) -> None:
    """Say where a run was trained on the very pictures that it is judged on."""
    for method, coder in zip(methods, coders, strict=True):
        if isinstance(method, Model) or isinstance(coder, JPEGCoder) or not (Path(method) / RECORD).is_file():
            continue
        trained_on = Run(method).record.get("source")
        if isinstance(trained_on, dict) and trained_on.get("fingerprint") == images.fingerprint:
            notes.append(
                f"{Path(method).name} was trained on all of these pictures, also those that it is judged on: compare "
                "on another split or source for a fair figure."
            )
